"""A strategy as users of the existing system have written it: it knows nothing of the engine, nor of this client."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Dict, List


class SignalType(Enum):
    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"


@dataclass
class Signal:
    timestamp: datetime
    symbol: str
    signal_type: SignalType
    price: float
    confidence: float
    strategy_name: str
    metadata: Dict[str, Any] = field(default_factory=dict)


class TradingStrategy(ABC):
    """The interface: a name and parameters, the indicators it asks for, and signals on all bars that it is given."""

    def __init__(self, name: str, parameters: Dict[str, Any]) -> None:
        self.name, self.parameters = name, parameters

    @abstractmethod
    def generate_signals(self, data: Any, indicators: Dict[str, Any]) -> List[Signal]:
        """Signals on the bars of the data."""

    @abstractmethod
    def get_required_indicators(self) -> List[str]:
        """Names of the indicators that it reads."""

    def _calculate_indicators(self, data: Any) -> Dict[str, Any]:
        closes = list(data.to_arrays()["close"])
        means = [sum(closes[max(0, k - 4) : k + 1]) / len(closes[max(0, k - 4) : k + 1]) for k in range(len(closes))]
        return {"sma": {"sma_5": means}} if "sma" in self.get_required_indicators() else {}


class Toy(TradingStrategy):
    """Buys where a close is above the mean of the last five, and sells where it is below."""

    def __init__(self) -> None:
        super().__init__("Toy", {"confidence": 0.75})

    def get_required_indicators(self) -> List[str]:
        return ["sma"]

    def generate_signals(self, data: Any, indicators: Dict[str, Any]) -> List[Signal]:
        arrays, means, found = data.to_arrays(), indicators["sma"]["sma_5"], []
        assert data.timeframe.value == "1m"
        for k in range(4, len(means)):
            price = float(arrays["close"][k])
            kind = SignalType.HOLD if price == means[k] else SignalType.BUY if price > means[k] else SignalType.SELL
            about = {"distance": abs(price - means[k]), "note": "a text goes nowhere"}
            signal = Signal(arrays["timestamp"][k], data.symbol, kind, price, self.parameters["confidence"], self.name, about)
            found.append(signal)
        return found


class Broken(Toy):
    """Fails on every bar."""

    def generate_signals(self, data: Any, indicators: Dict[str, Any]) -> List[Signal]:
        raise RuntimeError("broken")
