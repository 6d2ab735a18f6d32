"""All cases of a row in one test: as tests of their own, tens of thousands of them took longer than what they check."""

import functools
import inspect

import pytest


def every_case(rows):
    """Makes of a test of a row and a case one for each row; what fails says which case it was."""

    def of_rows(test):
        arguments = inspect.signature(test)
        of_tests = [name for name in arguments.parameters if name != "case"]

        @functools.wraps(test)
        def in_turn(*, row, record_property, **others):
            for case in row.cases:
                try:
                    test(row=row, case=case, **others)
                except BaseException as error:
                    error.add_note(f"in the case {row.kind.__name__}-{case}")
                    raise
            record_property("cases", len(row.cases))

        in_turn.__signature__ = arguments.replace(
            parameters=[
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in (*of_tests, "record_property")
            ]
        )
        return pytest.mark.parametrize("row", rows, ids=lambda row: row.kind.__name__)(in_turn)

    return of_rows
