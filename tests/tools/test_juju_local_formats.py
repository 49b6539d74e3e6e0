# SPDX-License-Identifier: GPL-3.0-only
"""Output formats and option syntax, row by row."""
import unittest

from juju_local_support import ToolError

from juju_local.flags import Flag, Parser
from juju_local.formats import Struct, go_float, render


class Formats(unittest.TestCase):
    def rows(self, value: object, smart: str, yaml: str, json: str) -> None:
        got = tuple(render(value, style).decode() for style in ("smart", "yaml", "json"))
        self.assertEqual(got, (smart, yaml, json))

    def test_nil(self) -> None:
        self.rows(None, "", "", "null\n")

    def test_string(self) -> None:
        self.rows("abc", "abc\n", "abc\n", '"abc"\n')

    def test_empty_string(self) -> None:
        self.rows("", "", '""\n', '""\n')

    def test_string_ending_in_newline_gets_one_more(self) -> None:
        self.rows("a\n", "a\n\n", "|\n  a\n", '"a\\n"\n')

    def test_bool(self) -> None:
        self.rows(True, "True\n", "true\n", "true\n")
        self.rows(False, "False\n", "false\n", "false\n")

    def test_list_of_strings(self) -> None:
        self.rows(["a", "b"], "a\nb\n", "- a\n- b\n", '["a","b"]\n')

    def test_empty_list(self) -> None:
        self.rows([], "", "[]\n", "[]\n")

    def test_empty_map(self) -> None:
        self.rows({}, "{}\n", "{}\n", "{}\n")

    def test_map_is_sorted_and_lists_are_not_indented(self) -> None:
        text = "a:\n- x\nb: 1\n"
        self.rows({"b": 1, "a": ["x"]}, text, text, '{"a":["x"],"b":1}\n')

    def test_whole_numbers_from_a_million_on_get_an_exponent_in_yaml_only(self) -> None:
        self.rows(1234567, "1.234567e+06\n", "1.234567e+06\n", "1234567\n")
        self.rows(999999, "999999\n", "999999\n", "999999\n")

    def test_json_escapes_what_go_escapes(self) -> None:
        self.assertEqual(render("<&>\u2028é", "json"), '"\\u003c\\u0026\\u003e\\u2028é"\n'.encode())

    def test_json_replaces_invalid_utf8(self) -> None:
        value = b"a\xffb".decode("utf-8", "surrogateescape")
        self.assertEqual(render(value, "json"), '"a\ufffdb"\n'.encode())

    def test_strings_that_look_like_other_types_are_quoted_in_yaml(self) -> None:
        for text in ("123", "true", "yes", "null", "~", "1.5", "0x1f", "2024-01-02", "1e+3", "0o7", "012", "1:30", "on"):
            self.assertEqual(render(text, "yaml").decode(), f'"{text}"\n')

    def test_a_time_with_a_blank_and_a_zone_is_no_time_to_yaml(self) -> None:
        for text in ("2024-01-02 03:04:05", "2024-01-02T03:04:05Z", "2024-01-02t3:4:5.6+01:00"):
            self.assertEqual(render(text, "yaml").decode(), f'"{text}"\n')
        for text in ("2024-01-02 03:04:05Z", "2024-01-02T03:04:05"):
            self.assertEqual(render(text, "yaml").decode(), f"{text}\n")

    def test_what_only_looks_like_a_number_or_a_date_is_not_quoted(self) -> None:
        for text in ("1e3", "08", "5.", "1:99", "2024-13-02", "<<"):
            self.assertEqual(render(text, "yaml").decode(), f"{text}\n")

    def test_lines_are_folded_at_eighty_and_end_once(self) -> None:
        self.assertEqual(render("word " * 17 + "end", "yaml").decode(), "word " * 16 + "word\n  end\n")
        self.assertEqual(render("a\n\n", "yaml").decode(), "|+\n  a\n")

    def test_bytes_that_are_no_text_are_binary_to_yaml(self) -> None:
        self.assertEqual(render(b"\xff".decode("utf-8", "surrogateescape"), "yaml"), b"!!binary /w==\n")

    def test_a_struct_keeps_its_order(self) -> None:
        text = "b: 1\na: 2\n"
        self.rows(Struct(b=1, a=2), text, text, '{"b":1,"a":2}\n')

    def test_strings_with_yaml_syntax_are_quoted(self) -> None:
        self.assertEqual(render("- a", "yaml"), b"'- a'\n")
        self.assertEqual(render("a: b", "yaml"), b"'a: b'\n")

    def test_go_floats(self) -> None:
        for value, text in ((0.5, "0.5"), (100000.0, "100000"), (0.0001, "0.0001"),
                            (0.00001, "1e-05"), (1e21, "1e+21"), (-2.5, "-2.5")):
            self.assertEqual(go_float(value), text)


class Flags(unittest.TestCase):
    parser = Parser([Flag(("r", "relation"), default=None), Flag(("app",), switch=True,
                                                                default=False)])

    def refused(self, message: str, *argv: str) -> None:
        with self.assertRaises(ToolError) as caught:
            self.parser.parse(list(argv))
        self.assertEqual((str(caught.exception), caught.exception.code), (message, 2))

    def test_options_may_follow_positionals(self) -> None:
        parsed = self.parser.parse(["key", "--app", "-r", "x"])
        self.assertEqual((parsed.args, parsed.app, parsed.relation), (["key"], True, "x"))

    def test_two_dashes_end_options(self) -> None:
        self.assertEqual(self.parser.parse(["--", "--app"]).args, ["--app"])

    def test_equals_and_blank_are_the_same(self) -> None:
        for argv in (["--relation=x"], ["--relation", "x"], ["-r", "x"], ["-rx"]):
            self.assertEqual(self.parser.parse(argv).relation, "x")

    def test_a_lone_dash_is_a_positional(self) -> None:
        self.assertEqual(self.parser.parse(["-", "u/0"]).args, ["-", "u/0"])

    def test_unknown_option(self) -> None:
        self.refused("option provided but not defined: --cheese", "--cheese")
        self.refused("option provided but not defined: -x", "-x")

    def test_mistakes_in_options(self) -> None:
        self.refused('empty option in argument "--=x"', "--=x")
        self.refused('invalid value "x" for option --app: strconv.ParseBool: parsing "x": invalid syntax', "--app=x")
        self.assertEqual(self.parser.parse(["-r=0"]).relation, "=0")

    def test_option_without_its_argument(self) -> None:
        self.refused("option needs an argument: -r", "-r")


if __name__ == "__main__":
    unittest.main()
