"""ClickHouse's engine behind the part of its HTTP interface that insertions and questions use."""

import gzip
import http.server
import re
import sys
import threading
import urllib.parse

from chdb.session import Session

session = Session(sys.argv[1])
lock = threading.Lock()


def literal(value):
    return "'%s'" % value.replace("\\", "\\\\").replace("'", "\\'")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, b"Ok.\n")

    def do_POST(self):
        body = self.body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        query = parameters.pop("query", "")
        for name in [name for name in parameters if name.startswith("param_")]:
            value = parameters.pop(name)
            query = re.sub(r"\{%s:Identifier\}" % name[len("param_"):], "`%s`" % value, query)
        parameters.pop("database", None)
        text = (query + "\n" + body.decode()).strip()
        settings = ", ".join("%s = %s" % (name, literal(value)) for name, value in parameters.items())
        try:
            with lock:
                # A setting holds for the session; nobody here needs another value of one.
                if settings:
                    session.query("SET " + settings)
                self.answer(200, session.query(text, "JSONEachRow").bytes())
        except Exception as error:
            self.answer(400, str(error).encode())

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while True:
            length = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(length)
            self.rfile.readline()
            if not length:
                return body

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
