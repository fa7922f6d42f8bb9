"""Strategies of the existing system beside an engine: the test that starts both gives the socket."""

import json
import logging
import os
import time
import unittest
from datetime import datetime, timedelta, timezone

import redis
from toy_strategy import Broken, Toy
from wagehood_engine import StrategyRunner
from wagehood_engine.runner import _moment

SOCKET = os.environ["WAGEHOOD_TEST_SOCKET"]
BARS = "runner_bars"
START_MS = 1_751_880_600_000


def bar(k: int, symbol: str = "TOY", frame_ms: int = 60_000) -> dict:
    close = 100 + (k * 37 % 11) - k % 3
    return {
        "symbol": symbol,
        "timestamp": datetime.fromtimestamp((START_MS + k * frame_ms) / 1000, timezone.utc).replace(tzinfo=None).isoformat(),
        "open": "100",
        "high": "120",
        "low": "80",
        "close": str(close),
        "volume": "10",
    }


class Runner(unittest.TestCase):
    def setUp(self) -> None:
        self.client = redis.Redis(unix_socket_path=SOCKET, decode_responses=True)
        logging.disable(logging.CRITICAL)

    def test_what_an_unmodified_strategy_says_is_published(self) -> None:
        runner = StrategyRunner(
            self.client,
            {"toy": Toy(), "broken": Broken()},
            {BARS: "1m"},
            factors=["distance"],
            last_ids={BARS: "0-0"},
        )
        wanted = {}
        for k in range(12):
            # As they come live: what is said of a bar has an id between those of this bar and the next.
            self.client.xadd(BARS, bar(k))
            before = self.client.xlen("external_signals")
            written = runner.step(block_ms=2_000)
            said = self.client.xrange("external_signals")[before:]
            self.assertEqual(len(said), written)
            for entry_id, entry in said:
                self.assertEqual((entry["strategy"], entry["bar_ts"]), ("toy", str(START_MS + k * 60_000)))
                wanted[f"TOY:1m:toy:{entry['bar_ts']}"] = entry
            # Of entries of one millisecond those of the bars come first: the next bar must not be one of them.
            time.sleep(0.005)
        self.assertEqual((runner.counts.bars, runner.counts.failed), (12, 12))
        self.assertEqual(runner.counts.written + runner.counts.neither, 8, "from the fifth bar on")
        self.assertGreater(len(wanted), 4)
        found: dict = {}
        deadline = time.monotonic() + 20
        while len(found) < len(wanted) and time.monotonic() < deadline:
            entries = [entry for _, entry in self.client.xrange("signals") if entry["strategy"] == "toy"]
            found = {entry["signal_id"]: entry for entry in entries}
            time.sleep(0.05)
        self.assertEqual(set(found), set(wanted))
        for signal_id, signal in found.items():
            said = wanted[signal_id]
            for name in ("symbol", "timeframe", "side", "bar_ts"):
                self.assertEqual(signal[name], said[name])
            self.assertEqual(float(signal["confidence"]), 0.75)
            self.assertEqual(json.loads(signal["factors"]), json.loads(said["factors"]))
            self.assertEqual(signal["kind"], "toy_signal")

    def test_what_is_held_warms_and_what_was_read_is_not_read_again(self) -> None:
        stream = "runner_warm"
        for k in range(10):
            self.client.xadd(stream, bar(k), id=f"{START_MS + (k + 1) * 60_000}-0")
        runner = StrategyRunner(self.client, {"toy": Toy()}, {stream: "1m"}, into="runner_said", window=6)
        self.assertEqual(runner.step(block_ms=0), 0, "what there was before is past")
        self.client.xadd(stream, bar(10), id=f"{START_MS + 11 * 60_000}-0")
        self.assertEqual(runner.step(), 1, "its window is warm")
        again = StrategyRunner(
            self.client, {"toy": Toy()}, {stream: "1m"}, into="runner_said", window=6, last_ids=runner.last_ids
        )
        self.assertEqual(again.step(block_ms=0), 0)
        self.client.xadd(stream, bar(11), id=f"{START_MS + 12 * 60_000}-0")
        self.assertEqual((again.step(), runner.step()), (1, 1))
        said = [entry for _, entry in self.client.xrange("runner_said")]
        self.assertEqual(said[1], said[2], "both say the same: the engine takes it once")

    def test_a_bar_that_is_not_over_waits_for_the_next(self) -> None:
        stream, early = "runner_forming", START_MS + 20_000
        runner = StrategyRunner(self.client, {"toy": Toy()}, {stream: "1m"}, into="runner_formed")
        for k in range(8):
            self.client.xadd(stream, bar(k), id=f"{early + k * 60_000}-0")
            self.client.xadd(stream, {**bar(k), "close": "111"}, id=f"{early + k * 60_000}-1")
        self.client.xadd(stream, {"heartbeat": "1"})
        self.client.xadd(stream, {"frame": "bytes"})
        runner.step()
        self.assertEqual((runner.counts.bars, runner.counts.unread), (7, 1))
        said = [entry for _, entry in self.client.xrange("runner_formed")]
        self.assertEqual([entry["bar_ts"] for entry in said], [])
        self.assertEqual(runner.counts.neither, 3, "the later record of a bar counts, and all are equal")

    def test_times_are_read_in_every_form(self) -> None:
        moment = datetime(2025, 7, 7, 9, 30)
        aware = moment.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=5)))
        for value in (moment, aware, "2025-07-07T09:30:00", "2025-07-07T09:30:00Z", START_MS, START_MS // 1000):
            self.assertEqual(_moment(value), START_MS, value)
        self.assertEqual(_moment(str(START_MS * 1000)), START_MS)
        self.assertIsNone(_moment("soon"))


if __name__ == "__main__":
    unittest.main()
