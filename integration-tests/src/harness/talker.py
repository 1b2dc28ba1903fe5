"""Moves bytes with itself under a name of its own, and prints what its calls returned."""

import json
import os
import socket
import sys

name, tcp_bytes, udp_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open("/proc/self/comm", "w") as comm:
    comm.write(name)
moved = {}


def add(protocol, remote, sent, received):
    row = moved.setdefault((protocol, "%s:%d" % remote), [0, 0])
    row[0] += sent
    row[1] += received


listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, client_address = listener.accept()
left = tcp_bytes
while left:
    sent = client.send(b"x" * min(left, 50_000))
    add("tcp", listener.getsockname(), sent, 0)
    left -= sent
    while sent:
        got = len(server.recv(sent))
        add("tcp", client_address, 0, got)
        sent -= got

one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
one.bind(("127.0.0.1", 0))
other.bind(("127.0.0.1", 0))
left = udp_bytes
while left:
    sent = one.sendto(b"z" * min(left, 1400), other.getsockname())
    add("udp", other.getsockname(), sent, 0)
    got, remote = other.recvfrom(2000)
    add("udp", remote, 0, len(got))
    left -= sent

for (protocol, remote), (sent, received) in moved.items():
    print(
        json.dumps(
            {
                "process": name,
                "pid": os.getpid(),
                "protocol": protocol,
                "remote": remote,
                "sent_bytes": sent,
                "received_bytes": received,
            }
        )
    )
