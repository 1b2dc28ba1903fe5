"""Two processes with names of their own that move bytes both ways over 127.0.0.0/8, at rates that
rise and fall; the client is of user nobody. They end with whoever holds the other end of their standard input."""

import math
import os
import random
import select
import socket
import sys
import time

client, server, address = sys.argv[1:4]
sent, received, seconds = map(float, sys.argv[4:7])
TICK = 0.1


def call_me(name):
    with open("/proc/self/comm", "w") as comm:
        comm.write(name)


def serve(listener):
    call_me(server)
    connection, _ = listener.accept()
    with connection.makefile("rwb") as stream:
        while head := stream.readline():
            up, down = map(int, head.split())
            stream.read(up)
            stream.write(b"d" * down)
            stream.flush()


listener = socket.create_server((address, 0))
if not os.fork():
    sys.stdin.close()
    serve(listener)
    os._exit(0)

call_me(client)
os.setuid(65534)
start = time.monotonic()
with socket.socket() as connection:
    connection.connect(listener.getsockname())
    stream = connection.makefile("rwb")
    while True:
        ended, _, _ = select.select([sys.stdin], [], [], TICK)
        if ended:
            break
        wave = 0.6 + 0.4 * math.sin((time.monotonic() - start) * math.tau / seconds)
        up, down = (int(rate * TICK * wave * random.uniform(0.7, 1.3)) for rate in (sent, received))
        stream.write(b"%d %d\n" % (up, down) + b"u" * up)
        stream.flush()
        stream.read(down)
