"""Ending with the process that started us, so that nothing is left behind when it is killed."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(number: signal.Signals, parent: int) -> None:
    """Have the kernel send this process the signal when its parent dies; does nothing where there is no Linux.

    `parent` is the process id of the starter: when it is gone already, the signal is sent at once.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os.kill(os.getpid(), number)
