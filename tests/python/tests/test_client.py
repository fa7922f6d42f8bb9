"""The client against a server that an engine writes to: the test that starts both gives the socket."""

import os
import pickle
import unittest

import redis
import wagehood_engine as wagehood
from wagehood_engine import wire

SOCKET = os.environ["WAGEHOOD_TEST_SOCKET"]


class Client(unittest.TestCase):
    def setUp(self) -> None:
        self.client = redis.Redis(unix_socket_path=SOCKET)

    def test_latest_results_are_read(self) -> None:
        found = wagehood.get_latest_results(self.client, "SPY")
        assert found is not None
        self.assertIn("ema_12", found)
        self.assertIn("macd_rsi_strategy", found["signals"])
        self.assertIsNone(wagehood.get_latest_results(self.client, "NONE"))
        results = wagehood.Results(self.client)
        price = results.get_latest_price("SPY")
        assert price is not None
        self.assertGreater(price["price"], 0)
        self.assertEqual(results.get_many(["SPY", "NONE"]), {"SPY": found, "NONE": None})
        self.assertIsNotNone(results.get_timeframe_indicators("SPY", "1m"))
        text = redis.Redis(unix_socket_path=SOCKET, decode_responses=True)
        self.assertEqual(wagehood.get_latest_results(text, "SPY"), found)

    def test_signals_come_each_once_also_behind_a_break(self) -> None:
        count = self.client.xlen("signals")
        self.assertGreater(count, 10)
        first = wagehood.signals(self.client, "0", count=3)
        read = [next(first) for _ in range(5)]
        second = wagehood.Signals(self.client, read[-1].id)
        while True:
            more = second.read(block_ms=0)
            if not more:
                break
            read += more
        self.assertEqual(len(read), count)
        self.assertEqual(len({one.id for one in read}), count)
        for one in read:
            self.assertIn(one.side, ("buy", "sell"))
            self.assertTrue(0 <= one.confidence <= 1 and one.price > 0 and one.event_ts > one.bar_ts)
        own = wagehood.Signals(self.client, "0", symbols=["SPY"], count=10_000).read(block_ms=0)
        self.assertEqual(len(own), sum(one.symbol == "SPY" for one in read))
        self.assertEqual(wagehood.signals(self.client).read(block_ms=0), [])

    def test_documents_are_changed_in_their_form(self) -> None:
        manager = wagehood.ConfigManager(self.client, prefix="elsewhere:")
        asset = {"symbol": "SPY", "enabled": True, "timeframes": ["1m"], "moon": 1}
        self.client.set("elsewhere:watchlist", b"RAW:" + pickle.dumps([asset], 5), ex=60)
        self.assertTrue(manager.add_symbol("QQQ", priority=2, trading_profile=wagehood.TradingProfile.DAY_TRADING))
        raw = self.client.get("elsewhere:watchlist")
        self.assertTrue(raw.startswith(b"RAW:"))
        self.assertEqual(self.client.ttl("elsewhere:watchlist"), -1, "it never expires")
        found = wire.decode(raw)[1]
        self.assertEqual(found[0], asset, "what is not known stays")
        self.assertEqual((found[1]["symbol"], found[1]["trading_profile"]), ("QQQ", "day_trading"))
        self.assertTrue(manager.enable_symbol("SPY", False))
        self.assertEqual(manager.get_enabled_symbols(), ["QQQ"])
        self.assertTrue(manager.remove_symbol("SPY"))
        self.assertFalse(manager.remove_symbol("SPY"))
        strategy = wagehood.StrategyConfig("macd_rsi_strategy", True, {"rsi_oversold": 25})
        self.assertTrue(manager.update_strategy_configs([strategy]))
        self.assertEqual(manager.get_strategy_configs(), [strategy])
        self.assertTrue(manager.update_system_config(wagehood.SystemConfig(redis_streams_maxlen=7)))
        self.assertEqual(manager.get_configuration_summary()["system"]["redis_streams_maxlen"], 7)

    def test_a_pickle_with_more_than_data_is_refused(self) -> None:
        self.client.set("hostile:system", b"RAW:" + pickle.dumps(os.system, 5))
        with self.assertRaises(wire.WireError):
            wagehood.ConfigManager(self.client, prefix="hostile:").get_system_config()

    def test_a_symbol_is_added_while_the_engine_runs(self) -> None:
        self.assertTrue(wagehood.ConfigManager(self.client).add_symbol("IWM"))


if __name__ == "__main__":
    unittest.main()
