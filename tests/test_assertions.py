"""The guard against tests that cannot fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from assertions import can_fail

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    "body",
    [
        "assert f() == 1",
        "with pytest.raises(ValueError): f()",
        "torch.testing.assert_close(a, b)",
        "assert_allclose(a, b)",
        "check_contract(f)",
        "self._check(f)",
        "torch.autograd.gradcheck(f, x)",
        "page.expect_event('x')",
    ],
)
def test_a_body_that_checks_something(body: str) -> None:
    assert can_fail(f"    def test_it(self):\n        {body}\n")


@pytest.mark.parametrize("body", ["pass", "f()", "assert True", "x = 1 == 2", "print('assert x')", "'assert x'"])
def test_a_body_that_cannot_fail(body: str) -> None:
    assert not can_fail(f"    def test_it(self):\n        {body}\n")


@pytest.mark.parametrize(("body", "code"), [("pass", pytest.ExitCode.USAGE_ERROR), ("assert [1]", pytest.ExitCode.OK)])
def test_suite_stops_at_a_test_that_cannot_fail(pytester: pytest.Pytester, body: str, code: pytest.ExitCode) -> None:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    pytester.makepyfile(test_case=f"class TestIt:\n    def test_it(self):\n        {body}")
    result = pytester.runpytest_inprocess("--collect-only", "-p", "no:cacheprovider")
    assert result.ret == code
    assert ("tests that cannot fail: test_case.py::TestIt::test_it" in result.stderr.str()) == (body == "pass")
