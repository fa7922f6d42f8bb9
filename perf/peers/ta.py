"""The indicators with TA-Lib, from arrays."""

import talib


def indicators(close, volume):
    """Values of all indicators, in the order of the columns after the price."""
    return (
        *talib.MACD(close, 12, 26, 9),
        talib.RSI(close, 14),
        talib.RSI(close, 21),
        talib.EMA(close, 50),
        talib.EMA(close, 200),
        *talib.BBANDS(close, 20, 2.0, 2.0),
        talib.SMA(volume, 20),
    )
