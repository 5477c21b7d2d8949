"""Files and functions stay small enough to read in one go."""

from tests.architecture.source import functions, modules

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {module.path: module.text.count("\n") for module in modules("src", "tests", "bench", "docs", "deploy")}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{module.at(function)} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for module in modules("src", "tests", "bench", "docs", "deploy")
        for function in functions(module)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
