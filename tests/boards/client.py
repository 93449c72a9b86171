"""A browser's part: answers with their bytes, whole or not."""

import http.client
import json
import time


class Answer:
    """`whole` says whether the body came as long as it was announced."""

    def __init__(self, status, fields, body, whole, seconds=0.0):
        self.status, self.fields, self.body, self.whole, self.seconds = status, fields, body, whole, seconds

    def cache(self):
        """hit, miss, ...: what the gateway says of how it came by the answer."""
        return (self.fields.get("Cache-Status") or "").lower()


def get(port, path, fields=None, seconds=10, host="board.test"):
    """An answer, or None where there is none: the board is off, or its network is not up yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    began = time.monotonic()
    try:
        connection.request("GET", path, headers={"Host": host, **(fields or {})})
        return read(connection, began)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def read(connection, began):
    answer = connection.getresponse()
    body, whole = b"", True
    try:
        while piece := answer.read1(1 << 16):
            body += piece
    except http.client.IncompleteRead as cut:
        body, whole = body + cut.partial, False
    except (OSError, http.client.HTTPException):
        whole = False
    announced = answer.getheader("Content-Length")
    whole = whole and (announced is None or int(announced) == len(body))
    return Answer(answer.status, answer.headers, body, whole, time.monotonic() - began)


def wait_for_page(board, path="/", seconds=None, field=None):
    """The first answer with status below 500, and the seconds since power on. None where the board stays silent."""
    give_up = time.monotonic() + (seconds or board.model.patience)
    while time.monotonic() < give_up and board.is_on():
        answer = get(board.port, path, field, seconds=2)
        if answer and answer.status < 500:
            return time.monotonic() - board.began, answer
        time.sleep(0.1)
    return None


def status(board):
    """What the gateway says of itself, or None."""
    answer = get(board.admin_port, "/status.json", host="127.0.0.1")
    return json.loads(answer.body) if answer and answer.status == 200 else None
