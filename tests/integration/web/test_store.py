#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-only
"""The built-in store over HTTP: with plain requests, python3-swiftclient and curl."""
from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]
import counted  # noqa: E402
from waiting import wait_for  # noqa: E402
from webserver import PASSWORD, WebServer  # noqa: E402

PUBLIC = {"X-Container-Read": ".r:*,.rlistings"}
RUN = "noble/amd64/g/gzip/20240131_120000_abcde@"


class StoreTest(unittest.TestCase):
    server: WebServer
    token: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = WebServer()
        cls.server.start()
        cls.token = cls.server.token()

    @classmethod
    def tearDownClass(cls) -> None:
        code = cls.server.stop()
        log = cls.server.log()
        cls.server.folder.cleanup()
        assert code == 0, log

    def ask(self, method: str, path: str, body: bytes | None = None, signed: bool = True,
            **headers: str) -> tuple[int, dict[str, str], bytes]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if signed:
            fields["X-Auth-Token"] = self.token
        return self.server.request(method, path, body, fields)

    def container(self, acl: str | None = ".r:*,.rlistings") -> str:
        name = f"c-{self.id().rpartition('.')[2].replace('_', '-')}"
        headers = {"X-Container-Read": acl} if acl else {}
        self.assertIn(self.ask("PUT", f"/swift/v1/{name}", **headers)[0], (201, 202))
        return f"/swift/v1/{name}"

    # ---- tokens

    def test_wrong_key_gives_no_token(self) -> None:
        for user, key in (("autopkgtest", "no"), ("other", PASSWORD), ("", "")):
            status, headers, _ = self.ask("GET", "/auth/v1.0", signed=False, X_Auth_User=user,
                                          X_Auth_Key=key)
            self.assertEqual(status, 401)
            self.assertNotIn("x-auth-token", headers)

    def test_token_answer_names_the_storage_url(self) -> None:
        status, headers, _ = self.ask("GET", "/auth/v1.0", signed=False,
                                      X_Storage_User="autopkgtest", X_Storage_Pass=PASSWORD)
        self.assertEqual(status, 200)
        self.assertEqual(headers["x-storage-url"], f"{self.server.url}/swift/v1")
        self.assertGreater(int(headers["x-auth-token-expires"]), 3600)

    def test_forged_and_changed_tokens_are_refused(self) -> None:
        good = self.token
        for bad in ("AUTH_tk", "x", good[:-1] + ("0" if good[-1] != "0" else "1"),
                    good.replace("AUTH_tk0", "AUTH_tk1"), good + "0"):
            status, _, _ = self.server.request("PUT", "/swift/v1/forged", None,
                                               {"X-Auth-Token": bad})
            self.assertEqual(status, 401, bad)

    # ---- containers

    def test_container_is_created_once(self) -> None:
        path = "/swift/v1/made-once"
        self.assertEqual(self.ask("PUT", path, **PUBLIC)[0], 201)
        self.assertEqual(self.ask("PUT", path)[0], 202)
        status, headers, _ = self.ask("HEAD", path)
        self.assertEqual((status, headers["x-container-read"]), (204, ".r:*,.rlistings"))
        self.assertEqual(self.ask("POST", path, X_Container_Read="*:someone")[0], 204)
        self.assertEqual(self.ask("HEAD", path)[1]["x-container-read"], "*:someone")
        self.assertEqual(self.ask("DELETE", path)[0], 204)
        self.assertEqual(self.ask("DELETE", path)[0], 404)

    def test_container_with_objects_is_not_deleted(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/a/b/c", b"x")
        self.assertEqual(self.ask("DELETE", path)[0], 409)
        self.assertEqual(self.ask("DELETE", f"{path}/a/b/c")[0], 204)
        self.assertEqual(self.ask("DELETE", path)[0], 204)

    def test_anonymous_reading_follows_the_acl(self) -> None:
        for acl, listing, reading in ((".r:*,.rlistings", 200, 200), (".r:*", 401, 200),
                                      (".rlistings", 401, 401), (None, 401, 401),
                                      ("*:someone", 401, 401), (".r:*,.r:-bad.example", 401, 401)):
            path = "/swift/v1/acl"
            self.ask("PUT", path, X_Container_Read=acl or "")
            self.ask("PUT", f"{path}/o", b"x")
            self.assertEqual(self.ask("GET", path, signed=False)[0], listing, acl)
            self.assertEqual(self.ask("GET", f"{path}/o", signed=False)[0], reading, acl)
            self.assertEqual(self.ask("GET", f"{path}/o")[0], 200)

    def test_anonymous_cannot_tell_missing_from_closed(self) -> None:
        path = self.container(None)
        self.ask("PUT", f"{path}/o", b"x")
        answers = {self.ask("GET", p, signed=False)[0]
                   for p in (path, f"{path}/o", f"{path}/none", "/swift/v1/none/o")}
        self.assertEqual(answers, {401})

    def test_anonymous_cannot_write(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/o", b"x")
        for method, target in (("PUT", f"{path}/o"), ("DELETE", f"{path}/o"), ("POST", f"{path}/o"),
                               ("PUT", path), ("POST", path), ("DELETE", path)):
            self.assertEqual(self.ask(method, target, b"", signed=False)[0], 401, method)
        self.assertEqual(self.ask("GET", f"{path}/o")[2], b"x")

    # ---- objects

    def test_object_keeps_bytes_and_headers(self) -> None:
        path = self.container()
        body = gzip.compress(b"log\n" * 1000)
        status, headers, _ = self.ask(
            "PUT", f"{path}/{RUN}/log.gz", body, Content_Type="text/plain; charset=UTF-8",
            Content_Encoding="gzip", X_Object_Meta_Readable_By="me")
        etag = hashlib.md5(body).hexdigest()
        self.assertEqual((status, headers["etag"]), (201, etag))
        status, headers, got = self.ask("GET", f"{path}/{RUN}/log.gz", signed=False)
        self.assertEqual((status, got), (200, body))
        self.assertEqual(headers["content-type"], "text/plain; charset=UTF-8")
        self.assertEqual(headers["content-encoding"], "gzip")
        self.assertEqual(headers["etag"], etag)
        self.assertEqual(headers["x-object-meta-readable-by"], "me")
        self.assertIn("sandbox", headers["content-security-policy"])
        status, headers, got = self.ask("HEAD", f"{path}/{RUN}/log.gz", signed=False)
        self.assertEqual((status, got), (200, b""))
        self.assertEqual(headers["content-length"], str(len(body)))

    def test_object_is_a_plain_file(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/{RUN}/result.tar", b"tar")
        name = path.rpartition("/")[2]
        file = self.server.dir / "store" / name / RUN / "result.tar"
        self.assertEqual(file.read_bytes(), b"tar")

    def test_overwriting_replaces_all(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/o", b"one", Content_Type="text/a", X_Object_Meta_A="1")
        self.ask("PUT", f"{path}/o", b"second", Content_Type="text/b")
        _, headers, body = self.ask("GET", f"{path}/o")
        self.assertEqual((body, headers["content-type"]), (b"second", "text/b"))
        self.assertNotIn("x-object-meta-a", headers)

    def test_post_changes_metadata_only(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/o", b"one", Content_Type="text/a", X_Object_Meta_A="1")
        self.assertEqual(self.ask("POST", f"{path}/o", X_Object_Meta_B="2")[0], 202)
        _, headers, body = self.ask("GET", f"{path}/o")
        self.assertEqual((body, headers["content-type"]), (b"one", "text/a"))
        self.assertEqual((headers.get("x-object-meta-a"), headers["x-object-meta-b"]), (None, "2"))
        self.assertEqual(self.ask("POST", f"{path}/none")[0], 404)

    def test_wrong_etag_is_refused_and_leaves_nothing(self) -> None:
        path = self.container()
        self.assertEqual(self.ask("PUT", f"{path}/o", b"x", ETag="0" * 32)[0], 422)
        self.assertEqual(self.ask("GET", f"{path}/o")[0], 404)
        wait_for("nothing that is uploaded", lambda: not os.listdir(self.server.dir / "store" / ".uploads"))

    def test_put_into_a_missing_container(self) -> None:
        self.assertEqual(self.ask("PUT", "/swift/v1/nowhere/o", b"x")[0], 404)

    def test_strange_names_stay_inside(self) -> None:
        path = self.container()
        names = ["..", "a/../../../b", "%2e%2e/x", ".hidden", "a//b", "t/", "100%25", "sp ace+plus@",
                 "\u00fc\u4e16", "new\nline", "a/./b", ".container", "x" * 255]
        for number, name in enumerate(names):
            quoted = "".join(c if c.isalnum() and c.isascii() or c == "/" else
                             "".join(f"%{b:02X}" for b in c.encode()) for c in name)
            body = str(number).encode()
            self.assertEqual(self.ask("PUT", f"{path}/{quoted}", body)[0], 201, name)
            self.assertEqual(self.ask("GET", f"{path}/{quoted}")[2], body, name)
        listed = json.loads(self.ask("GET", f"{path}?format=json")[2])
        self.assertEqual([o["name"] for o in listed],
                         sorted(names, key=lambda n: n.encode()))
        top = set(os.listdir(self.server.dir))
        self.assertLessEqual(top, {"web.conf", "store.cred", "store", "log", "results.db"})

    def test_impossible_names_are_refused(self) -> None:
        path = self.container()
        for name in ("x" * 300, "x/" * 600, "%ff", "a%00b", "%zz"):
            self.assertEqual(self.ask("PUT", f"{path}/{name}", b"")[0], 400, name)
        for name in ("x" * 300, "%2e%2e%2fetc", "%ff"):
            self.assertEqual(self.ask("PUT", f"/swift/v1/{name}")[0], 400, name)

    def test_name_that_is_a_folder_conflicts(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/a/b", b"1")
        self.assertEqual(self.ask("PUT", f"{path}/a", b"2")[0], 409)
        self.assertEqual(self.ask("PUT", f"{path}/a/b/c", b"3")[0], 409)
        self.assertEqual(self.ask("GET", f"{path}/a")[0], 404)

    # ---- parts and conditions

    def test_ranges(self) -> None:
        path = self.container()
        self.ask("PUT", f"{path}/o", b"0123456789")
        for text, status, body in (("bytes=2-4", 206, b"234"), ("bytes=7-", 206, b"789"),
                                   ("bytes=-3", 206, b"789"), ("bytes=0-99", 206, b"0123456789"),
                                   ("bytes=10-", 416, b""), ("bytes=-0", 416, b""),
                                   ("bytes=4-2", 200, b"0123456789"),
                                   ("bytes=0-1,3-4", 200, b"0123456789"),
                                   ("lines=1-2", 200, b"0123456789")):
            got = self.ask("GET", f"{path}/o", Range=text)
            self.assertEqual((got[0], got[2]), (status, body), text)
        self.assertEqual(self.ask("GET", f"{path}/o", Range="bytes=2-4")[1]["content-range"],
                         "bytes 2-4/10")

    def test_conditions(self) -> None:
        path = self.container()
        etag = self.ask("PUT", f"{path}/o", b"x")[1]["etag"]
        modified = self.ask("HEAD", f"{path}/o")[1]["last-modified"]
        for headers, status in (({"If-None-Match": f'"{etag}"'}, 304),
                                ({"If-None-Match": '"other"'}, 200),
                                ({"If-Match": etag}, 200), ({"If-Match": '"other"'}, 412),
                                ({"If-Modified-Since": modified}, 304),
                                ({"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
                                ({"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412)):
            self.assertEqual(self.ask("GET", f"{path}/o", **headers)[0], status, headers)

    # ---- listings

    def test_listing(self) -> None:
        path = self.container()
        names = ["a", "b-1", "b/1", "b/2/3", "b/2/4", "b0", "c/d"]
        for name in names:
            self.ask("PUT", f"{path}/{name}", b"x")

        def listed(query: str) -> list[str]:
            return self.ask("GET", f"{path}?{query}")[2].decode().split()

        self.assertEqual(listed(""), names)
        self.assertEqual(listed("prefix=b/"), ["b/1", "b/2/3", "b/2/4"])
        self.assertEqual(listed("delimiter=/"), ["a", "b-1", "b/", "b0", "c/"])
        self.assertEqual(listed("prefix=b/&delimiter=/"), ["b/1", "b/2/"])
        self.assertEqual(listed("prefix=b/&delimiter=/&marker=b/1"), ["b/2/"])
        self.assertEqual(listed("delimiter=/&marker=b/"), ["b0", "c/"])
        self.assertEqual(listed("marker=b/1&end_marker=b0"), ["b/2/3", "b/2/4"])
        self.assertEqual(listed("limit=2&marker=a"), ["b-1", "b/1"])
        self.assertEqual(listed("limit=0"), [])
        self.assertEqual(self.ask("GET", f"{path}?prefix=none")[0], 204)
        self.assertEqual(listed("delimiter=/2/"), ["a", "b-1", "b/1", "b/2/", "b0", "c/d"])
        for query in ("limit=10001", "reverse=true", "path=b"):
            self.assertEqual(self.ask("GET", f"{path}?{query}")[0], 412, query)
        rows = json.loads(self.ask("GET", f"{path}?format=json&delimiter=/")[2])
        self.assertEqual([r.get("name") or r["subdir"] for r in rows],
                         ["a", "b-1", "b/", "b0", "c/"])
        self.assertEqual((rows[0]["bytes"], rows[0]["hash"]),
                         (1, hashlib.md5(b"x").hexdigest()))

    # ---- clients

    def test_swiftclient(self) -> None:
        import swiftclient  # type: ignore[import]

        connection = swiftclient.Connection(authurl=f"{self.server.url}/auth/v1.0",
                                            user="autopkgtest", key=PASSWORD, auth_version="1")
        connection.put_container("client", headers=PUBLIC)
        body = os.urandom(300_000)
        etag = connection.put_object("client", "x/y.bin", contents=body, content_type="a/b")
        self.assertEqual(etag, hashlib.md5(body).hexdigest())
        headers, got = connection.get_object("client", "x/y.bin")
        self.assertEqual((got, headers["content-type"]), (body, "a/b"))
        for number in range(5):
            connection.put_object("client", f"many/{number}", contents=b"")
        _, objects = connection.get_container("client", limit=2, full_listing=True)
        self.assertEqual([o["name"] for o in objects],
                         [f"many/{n}" for n in range(5)] + ["x/y.bin"])
        _, entries = connection.get_container("client", delimiter="/", full_listing=True, limit=1)
        self.assertEqual([e["subdir"] for e in entries], ["many/", "x/"])
        _, containers = connection.get_account()
        self.assertIn("client", [c["name"] for c in containers])
        self.assertEqual(connection.head_container("client")["x-container-read"],
                         PUBLIC["X-Container-Read"])
        for entry in objects:
            connection.delete_object("client", entry["name"])
        connection.delete_container("client")
        with self.assertRaises(swiftclient.ClientException) as caught:
            connection.head_container("client")
        self.assertEqual(caught.exception.http_status, 404)
        connection.close()

    def test_swift_command(self) -> None:
        file = self.server.dir / "upload.txt"
        file.write_text("by the command")
        try:
            base = ["swift", "-A", f"{self.server.url}/auth/v1.0", "-U", "autopkgtest"]
            environment = {**os.environ, "ST_KEY": PASSWORD}

            def swift(*arguments: str) -> str:
                return subprocess.run([*base, *arguments], env=environment, check=True, text=True,
                                      stdout=subprocess.PIPE).stdout

            swift("upload", "command", str(file), "--object-name", "a/b.txt")
            self.assertEqual(swift("list", "command").split(), ["a/b.txt"])
            self.assertEqual(swift("download", "command", "a/b.txt", "-o", "-"), "by the command")
            swift("delete", "command")
        finally:
            file.unlink()

    def test_curl_large_upload_with_expect(self) -> None:
        path = self.container()
        size = 64 * 1024 * 1024
        file = self.server.dir / "large"
        with open(file, "wb") as out:
            out.truncate(size)
        assert self.server.process
        status_file = Path(f"/proc/{self.server.process.pid}/status")

        def peak_kb() -> int:
            return next(int(line.split()[1]) for line in status_file.read_text().splitlines()
                        if line.startswith("VmHWM"))

        before = peak_kb()
        try:
            done = subprocess.run(
                ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-T", str(file), "-H",
                 f"X-Auth-Token: {self.token}", "-H", "Expect: 100-continue",
                 f"{self.server.url}{path}/large"], check=True, text=True, stdout=subprocess.PIPE)
        finally:
            file.unlink()
        self.assertEqual(done.stdout, "201")
        self.assertLess(peak_kb() - before, 4096)
        self.assertEqual(self.ask("HEAD", f"{path}/large")[1]["content-length"], str(size))

    def test_objects_may_be_larger_than_those_of_swift(self) -> None:
        info = json.loads(self.ask("GET", "/swift/info", signed=False)[2])["swift"]
        self.assertEqual(info["max_file_size"], 1 << 40)
        path = self.container()
        for length, answer in ((6 << 30, b" 100 "), (1 << 40, b" 100 "), ((1 << 40) + 1, b" 413 ")):
            with socket.create_connection(("127.0.0.1", self.server.port), 120) as s:
                s.sendall(f"PUT {path}/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {self.token}\r\n"
                          f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode())
                self.assertIn(answer, s.recv(4096).split(b"\r\n")[0], length)

    def test_chunked_upload(self) -> None:
        path = self.container()
        status, _, _ = self.server.request("PUT", f"{path}/o", iter([b"ab", b"c"]),  # type: ignore
                                           {"X-Auth-Token": self.token})
        self.assertEqual(status, 201)
        self.assertEqual(self.ask("GET", f"{path}/o")[2], b"abc")

    def test_refused_upload_is_not_continued(self) -> None:
        path = self.container()
        with socket.create_connection(("127.0.0.1", self.server.port), 120) as s:
            s.sendall(f"PUT {path}/o HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n"
                      "Expect: 100-continue\r\n\r\n".encode())
            self.assertIn(b" 401 ", s.recv(4096).split(b"\r\n")[0])

    def test_broken_upload_leaves_nothing(self) -> None:
        path = self.container()
        with socket.create_connection(("127.0.0.1", self.server.port), 120) as s:
            s.sendall(f"PUT {path}/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {self.token}\r\n"
                      "Content-Length: 1000\r\n\r\nonly this".encode())
        wait_for("the end of the upload", lambda: not os.listdir(self.server.dir / "store" / ".uploads"))
        self.assertEqual(self.ask("GET", f"{path}/o")[0], 404)

    def test_headers_that_are_too_long_are_refused(self) -> None:
        status, _, _ = self.server.request("GET", "/swift/v1/x", None, {"X-Long": "x" * 40000})
        self.assertEqual(status, 431)


class StopTest(unittest.TestCase):
    @staticmethod
    def is_refused(port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 120).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_term_finishes_an_upload(self) -> None:
        with WebServer() as server:
            token = server.token()
            server.request("PUT", "/swift/v1/c", None, {"X-Auth-Token": token})
            with socket.create_connection(("127.0.0.1", server.port), 120) as s:
                s.sendall(f"PUT /swift/v1/c/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n"
                          "Content-Length: 6\r\n\r\nfirst".encode())
                wait_for("the upload", lambda: [file.read_bytes() for file in (server.dir / "store/.uploads").iterdir()] == [b"first"])
                assert server.process
                server.process.send_signal(signal.SIGTERM)
                wait_for("no new connection", lambda: self.is_refused(server.port))
                self.assertIsNone(server.process.poll())
                s.sendall(b"!")
                self.assertIn(b" 201 ", s.recv(4096).split(b"\r\n")[0])
            self.assertEqual(server.process.wait(120), 0)
            server.process = None
            self.assertEqual((server.dir / "store/c/o").read_bytes(), b"first!")

    def test_objects_and_tokens_outlive_a_kill(self) -> None:
        with WebServer() as server:
            token = server.token()
            headers = {"X-Auth-Token": token}
            server.request("PUT", "/swift/v1/c", None, headers)
            server.request("PUT", "/swift/v1/c/o", b"kept", headers)
            server.stop(signal.SIGKILL)
            server.start()
            self.assertEqual(server.request("GET", "/swift/v1/c/o", None, headers)[2], b"kept")


if __name__ == "__main__":
    counted.main()
