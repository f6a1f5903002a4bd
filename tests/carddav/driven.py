"""A program that is driven from outside: it takes orders as lines of JSON on standard input, and answers each with one.

An order is `{"do": NAME, ...}`; the answer is `{"answer": ...}`, or `{"trouble": TEXT}` when the program did not do it. The
first order is the login, so that a password is in no command line. It ends when standard input is closed.
"""

import json
import sys
import traceback


def serve(start):
    """`start` takes the login (`address`, `user`, `password`) and returns what the names of orders do."""
    program = None
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("do")
        try:
            if name == "start":
                program, answer = start(**order), None
            else:
                answer = program[name](**order)
            told = {"answer": answer}
        except Exception as error:  # noqa: BLE001 - whatever it is, who gave the order must hear of it
            traceback.print_exc()
            told = {"trouble": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)
    if program:
        program["end"]()
