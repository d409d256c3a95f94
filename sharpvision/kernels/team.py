"""Threads that wait in machine code for their share of a kernel.

To wake a thread through Python costs a tenth of a millisecond, as much as many kernels of a render take. So the threads
of a team do not sleep between kernels that follow each other: they look for work for two milliseconds, giving way to
other threads, before they go to sleep. The caller takes bands like everyone else and is done when all bands are,
so a thread that sleeps or is late costs nothing but its help.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import re
import sys
import threading
from collections.abc import Callable
from functools import cache
from struct import Struct

import numpy as np
import warp as wp

from sharpvision.kernels.launch import compiling, start_warp

start_warp()

# Words of 8 bytes that the threads share: whether there is work, how many are at it, how many bands are taken (by all,
# and by helpers), on cache lines of their own as they are written often; then the work itself. Snippets name them.
OPEN, ACTIVE, NEXT, UPPER, CODE, ARGUMENTS, SIZE, ITEMS, BAND, BOUNDS = 0, 8, 16, 17, 24, 25, 26, 27, 28, 29
LOOKS, YIELD = 32, 33
_WORDS = 40
_WORK = Struct("=5q24s")
"""Words `CODE` to `BOUNDS` + 2."""
LARGEST = 4096
"""Bytes of arguments that a thread can copy: it numbers the first item of its band in a copy of its own."""
_LOOKS = 45000
"""Looks for work before a thread goes to sleep, about two milliseconds; every 32nd gives way."""

_SHARE = """
    long long* team = (long long*)memory;
    typedef void (*code_t)(void*, void*);
    typedef void (*yield_t)();
    auto share = [team](bool caller) {
        alignas(16) unsigned long long copy[512];
        unsigned long long bounds[3];
        const unsigned long long* arguments = (const unsigned long long*)team[ARGUMENTS];
        const long long words = (team[SIZE] + 7) / 8, items = team[ITEMS], band = team[BAND];
        const long long bands = (items + band - 1) / band;
        bool copied = false;
        for (long long own = 0;; ++own) {
            if (__atomic_fetch_add(team + NEXT, 1, __ATOMIC_SEQ_CST) >= bands)
                break;
            // The caller goes up from the first band, the others down from the last one: what a thread has left in its
            // cache is, for the most part, what it needs in the next kernel.
            const long long index = caller ? own : bands - 1 - __atomic_fetch_add(team + UPPER, 1, __ATOMIC_SEQ_CST);
            const long long first = index * band;
            if (!copied) {
                for (long long i = 0; i < words; ++i) copy[i] = arguments[i];
                for (long long i = 0; i < 3; ++i) bounds[i] = (unsigned long long)team[BOUNDS + i];
                copied = true;
            }
            const long long count = items - first < band ? items - first : band;
            *(int*)copy = (int)first;
            *(unsigned int*)bounds = (unsigned int)count;
            bounds[1] = (unsigned long long)count;
            ((code_t)team[CODE])(bounds, copy);
        }
    };
    // Looks without a pause would slow down a caller that shares its core with this thread.
    auto pause = []() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    };
    auto give_way = [team]() { if (team[YIELD]) ((yield_t)team[YIELD])(); };
"""
_RUN = """
    __atomic_store_n(team + UPPER, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(team + NEXT, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(team + OPEN, 1, __ATOMIC_SEQ_CST);
    share(true);
    __atomic_store_n(team + OPEN, 0, __ATOMIC_SEQ_CST);
    // Whoever counted itself in before the gate closed may still be at work, or about to see that it is closed.
    for (long long looks = 1; __atomic_load_n(team + ACTIVE, __ATOMIC_SEQ_CST) != 0; ++looks)
        if (looks % 64 == 0) give_way();
        else pause();
"""
_HELP = """
    for (long long looks = 1; looks <= team[LOOKS]; ++looks) {
        if (__atomic_load_n(team + OPEN, __ATOMIC_SEQ_CST) != 0
                && __atomic_load_n(team + NEXT, __ATOMIC_SEQ_CST) * team[BAND] < team[ITEMS]) {
            __atomic_fetch_add(team + ACTIVE, 1, __ATOMIC_SEQ_CST);
            // The caller reads the count after it closes the gate: either it sees this thread or this sees the gate.
            if (__atomic_load_n(team + OPEN, __ATOMIC_SEQ_CST) != 0) {
                share(false);
                looks = 0;
            }
            __atomic_fetch_add(team + ACTIVE, -1, __ATOMIC_SEQ_CST);
        }
        else if (looks % 32 == 0) give_way();
        else pause();
    }
"""


def _snippet(code: str) -> str:
    """The source with the words' numbers in place of their names."""
    return re.sub(r"\b[A-Z]{4,9}\b", lambda name: str(globals().get(name[0], name[0])), _SHARE + code)


@wp.func_native(_snippet(_RUN))
def _run_all(memory: wp.uint64): ...


@wp.func_native(_snippet(_HELP))
def _help_out(memory: wp.uint64): ...


@wp.kernel(enable_backward=False)
def _run(first: int, memory: wp.uint64):
    """The caller's part: open the gate, take bands, close it, wait for those still at work."""
    _run_all(memory)


@wp.kernel(enable_backward=False)
def _help(first: int, memory: wp.uint64):
    """A thread's part, until it has looked for work in vain for long enough."""
    _help_out(memory)


class Team:
    """`size` threads beside the caller; get it from `team(size)`. One caller at a time has them."""

    def __init__(self, size: int) -> None:
        memory = np.zeros(_WORDS + 8, np.int64)
        aligned = (-memory.ctypes.data // 8) % 8
        self._words = memory[aligned : aligned + _WORDS]
        self._words[LOOKS], self._words[YIELD] = _LOOKS, _yield_address()
        self._arguments = ctypes.create_string_buffer(LARGEST)
        self._address = ctypes.addressof(self._arguments)
        self._taken = threading.Lock()
        self._asleep, self._bells = [False] * size, [threading.Semaphore(0) for _ in range(size)]
        self._leaving = self._posted = False
        self._run, self._help = (_call_of(kernel, self._words.ctypes.data) for kernel in (_run, _help))
        self._threads = [
            threading.Thread(target=self._wait, args=[i], name=f"sharpvision-{i}", daemon=True) for i in range(size)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.leave)

    def _wait(self, number: int) -> None:
        while not self._leaving:
            self._asleep[number] = True
            # The caller posts before it looks who sleeps: it rings, or this thread, late to bed, sees what was posted.
            if not self._posted:
                self._bells[number].acquire()
            self._asleep[number] = False
            self._help()

    def leave(self) -> None:
        """End the threads: none may look into memory that the interpreter has let go."""
        with self._taken:
            self._leaving, self._words[LOOKS] = True, 0
            for bell in self._bells:
                bell.release()
            for thread in self._threads:
                thread.join()

    def run(self, code: int, bounds: bytes, arguments: bytes, items: int, band: int) -> bool:
        """Run the kernel at the address `code` for all `items`, in bands of `band`; False, with nothing done, where
        another caller has the team or the arguments are too many.

        `bounds` and `arguments` are the two structs that Warp's kernels take; the first item is the arguments' first
        int.
        """
        if len(arguments) > LARGEST or not self._taken.acquire(blocking=False):
            return False
        try:
            if self._leaving:
                return False
            ctypes.memmove(self._arguments, arguments, len(arguments))
            _WORK.pack_into(self._words, 8 * CODE, code, self._address, len(arguments), items, band, bounds)
            self._posted = True
            for number in range(min(len(self._bells), (items - 1) // band)):
                if self._asleep[number]:
                    self._asleep[number] = False
                    self._bells[number].release()
            self._run()
        finally:
            self._posted = False
            self._taken.release()
        return True


def _call_of(kernel: wp.Kernel, memory: int) -> Callable[[], None]:
    """One launch of a kernel of this file as a call that spends no time in Python."""
    with compiling():
        command = wp.launch(kernel, dim=1, inputs=[0, wp.uint64(memory)], device="cpu", record_cmd=True)
    bounds, *params = command.params
    layout = type("Arguments", (ctypes.Structure,), {"_fields_": [(f"p{i}", type(p)) for i, p in enumerate(params)]})
    arguments = layout(*params)

    def call() -> None:
        command.hooks.forward(ctypes.byref(bounds), ctypes.byref(arguments))

    return call


def _yield_address() -> int:
    """Where the system's call is that lets another thread have the processor; 0 where there is none."""
    try:
        call = ctypes.WinDLL("kernel32").SwitchToThread if sys.platform == "win32" else ctypes.CDLL(None).sched_yield
    except (OSError, AttributeError):
        return 0
    return int(ctypes.cast(call, ctypes.c_void_p).value or 0)


@cache
def team(size: int) -> Team:
    """The process's team of this size, made at its first use."""
    return Team(size)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.cache_clear)  # threads do not survive a fork
