"""The trainer's pipes: nothing but our messages goes out, and the death of the worker comes in."""

import json
import subprocess
import sys

from service.trainer.channel import ORPHANED, encoded
from service.worker.trainer_process import exit_message

NOISY = """
import os, sys
from service.trainer.channel import claim_standard_streams
channel = claim_standard_streams()
print("a stray print")
os.system("echo a child process of a library")
os.write(1, b"compiled code")
channel.send("hello", number=1.5)
channel.send("heard", message=channel.next())
channel.next()
"""


def test_stray_output_goes_to_standard_error_and_the_end_of_input_ends_the_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", NOISY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write('{"do": "something"}\n')
    process.stdin.flush()
    heard = [json.loads(process.stdout.readline()) for _ in range(2)]
    rest, errors = process.communicate(timeout=60)
    assert heard == [{"say": "hello", "number": 1.5}, {"say": "heard", "message": {"do": "something"}}]
    assert rest == ""
    for noise in ("a stray print", "a child process of a library", "compiled code"):
        assert noise in errors
    assert process.returncode == ORPHANED


def test_a_message_is_one_line_of_json() -> None:
    assert json.loads(encoded({"text": "two\nlines"})) == {"text": "two\nlines"}
    assert encoded({"text": "two\nlines"}).count(b"\n") == 1


def test_an_exit_message_names_the_signal_and_the_last_words() -> None:
    assert exit_message(-6, ["one", "two"]) == "the training process was ended by SIGABRT; its last lines: one | two"
    assert exit_message(1, []) == "the training process exited with status 1"
    assert "memory" in exit_message(-9, [])
