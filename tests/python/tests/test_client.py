"""The client against a server that an engine writes to: the test that starts both gives the socket."""

import os
import pickle
import unittest
from typing import Any, List

import redis
import wagehood_engine as wagehood
from wagehood_engine import wire
from wagehood_engine.signals import parse

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

    def read_all(self, stream: str, last_id: str = "0", client: Any = None) -> List[wagehood.Signal]:
        reader, read = wagehood.Signals(client or self.client, last_id, stream, count=3), []
        while True:
            more = reader.read(block_ms=0)
            if not more:
                return read
            read += more

    def test_all_forms_say_the_same(self) -> None:
        said = lambda read: [{**one.__dict__, "id": None, "more": None} for one in read]
        wanted = said(self.read_all("signals"))
        self.assertLess(self.client.xlen("signals:frame"), len(wanted), "an entry holds several")
        text = redis.Redis(unix_socket_path=SOCKET, decode_responses=True)
        for stream in ("signals:json", "signals:frame"):
            read = self.read_all(stream)
            self.assertEqual(said(read), wanted, stream)
            self.assertTrue(all(one.more["published_ms"] > 0 for one in read))
            self.assertEqual(len({one.id for one in read}), len(read))
            self.assertEqual(read, self.read_all(stream, client=text))
            # From any of them on, also in the middle of a frame, by either way of reading.
            for at in range(0, len(read), 5):
                self.assertEqual(self.read_all(stream, read[at].id), read[at + 1 :])
            turns = wagehood.signals(self.client, "0", stream=stream, symbols=["QQQ"])
            own = [one for one in read if one.symbol == "QQQ"]
            for one in own:
                self.assertEqual(next(turns), one)
                self.assertEqual(turns.last_id, one.id)

    def test_frames_are_arrays(self) -> None:
        entries = self.client.xrange("signals:frame")
        key = entries[0][1][b"names"].decode()
        found = [fields[b"frame"] for _, fields in entries]
        records, names = wagehood.to_numpy(found, key, wagehood.Names(self.client))
        read = self.read_all("signals:frame")
        self.assertEqual(list(names[records["symbol"]]), [one.symbol for one in read])
        for column in ("price", "confidence", "priority", "bar_ts", "event_ts"):
            self.assertEqual(records[column].tolist(), [getattr(one, column) for one in read])
        votes = (records["peers"]["vote"] == 1).sum(axis=1).tolist()
        self.assertEqual(votes, [len(one.supporting) for one in read])
        bad = bytearray(found[0])
        bad[100] ^= 1
        with self.assertRaises(wagehood.FrameError):
            wagehood.to_numpy([bytes(bad)], key, wagehood.Names(self.client))
        with self.assertRaises(wagehood.FrameError):
            wagehood.to_numpy(found, "nowhere", wagehood.Names(self.client))

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

    def test_a_watchlist_by_name_keeps_its_shape_and_what_is_not_known(self) -> None:
        manager = wagehood.ConfigManager(self.client, prefix="by_name:")
        own = {"timeframes": {"1m": {"buffer_size": 64, "moon": 2}}, "moon": 1}
        self.client.set("by_name:watchlist", wire.encode("JSON:", {"SPY": {**own, "enabled": True}, "QQQ": {}}))

        def found() -> object:
            return wire.decode(self.client.get("by_name:watchlist"))[1]

        self.assertEqual([asset.symbol for asset in manager.get_watchlist()], ["SPY", "QQQ"])
        self.assertTrue(manager.add_symbol("IWM", priority=3))
        self.assertTrue(manager.enable_symbol("SPY", False))
        self.assertEqual(found()["SPY"], {**own, "enabled": False})
        self.assertEqual((found()["IWM"]["priority"], "symbol" in found()["IWM"]), (3, False))
        self.assertEqual(manager.get_enabled_symbols(), ["QQQ", "IWM"])
        assets = manager.get_watchlist()
        assets[0].priority = 2
        self.assertTrue(manager.update_watchlist(assets))
        self.assertEqual((found()["SPY"]["moon"], found()["SPY"]["priority"]), (1, 2))
        self.assertEqual(found()["SPY"]["timeframes"], own["timeframes"])
        self.assertTrue(manager.remove_symbol("QQQ"))
        self.assertEqual(list(found()), ["SPY", "IWM"])
        self.client.set("by_name:watchlist", b"JSON:[\"SPY\"]")
        with self.assertRaises(wagehood.ConfigError):
            manager.get_watchlist()

    def test_an_update_keeps_the_settings_that_it_does_not_know(self) -> None:
        manager = wagehood.ConfigManager(self.client, prefix="unknown:")
        asset = {"symbol": "SPY", "calendar": "xnys", "trading_profile": "swing"}
        self.client.set("unknown:watchlist", wire.encode("JSON:", [asset]))
        self.assertTrue(manager.update_watchlist(manager.get_watchlist() + [wagehood.AssetConfig("QQQ")]))
        after = wire.decode(self.client.get("unknown:watchlist"))[1]
        self.assertEqual((after[0]["calendar"], after[0]["trading_profile"]), ("xnys", "swing_trading"))
        self.assertEqual(after[1]["symbol"], "QQQ")
        timeframe = {"timeframe": "1m", "update_interval_seconds": 1, "lookback_periods": 9, "moon": 1}
        self.client.set("unknown:timeframe_configs", wire.encode("JSON:", {"day_trading": [timeframe]}))
        configs = manager.get_timeframe_configs()
        configs[wagehood.TradingProfile.DAY_TRADING][0].update_interval_seconds = 5
        self.assertTrue(manager.update_timeframe_configs(configs))
        after = wire.decode(self.client.get("unknown:timeframe_configs"))[1]["day_trading"][0]
        self.assertEqual((after["update_interval_seconds"], after["moon"]), (5, 1))

    def test_fields_beside_have_their_types(self) -> None:
        entry = self.client.xrange("signals", count=1)[0]
        beside = {b"win_rate_n": b"12", b"win_rate": b"0.5", b"calibration_n": b"7", b"calibrated": b"false", b"selected": b"true"}
        more = {b"liquid": b"false", b"stale": b"true", b"history": b"incomplete"}
        read = parse(entry[0], {**entry[1], **beside, **more}).more
        wanted = {"win_rate_n": 12, "win_rate": 0.5, "calibration_n": 7, "calibrated": False, "selected": True}
        wanted.update(liquid=False, stale=True, history="incomplete")
        found = {name: read[name] for name in wanted}
        self.assertEqual(found, wanted)
        self.assertEqual([type(found[name]) for name in wanted], [type(value) for value in wanted.values()])
        self.assertIsInstance(read["published_ms"], int)

    def test_a_pickle_with_more_than_data_is_refused(self) -> None:
        self.client.set("hostile:system", b"RAW:" + pickle.dumps(os.system, 5))
        with self.assertRaises(wire.WireError):
            wagehood.ConfigManager(self.client, prefix="hostile:").get_system_config()

    def test_a_symbol_is_added_while_the_engine_runs(self) -> None:
        self.assertTrue(wagehood.ConfigManager(self.client).add_symbol("IWM"))


if __name__ == "__main__":
    unittest.main()
