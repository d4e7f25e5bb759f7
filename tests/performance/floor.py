"""The floor of intake: the same gunicorn and Flask, one majority-acknowledged insert of the same document, no more."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request
from pymongo import MongoClient

from shared import mongo


def create() -> Flask:
    """An application that stores what it is sent and answers 201."""
    app = Flask(__name__)
    clients: list[Any] = []

    @app.post("/api/v1/reports")
    def store() -> tuple[dict[str, Any], int]:
        if not clients:  # after the fork: a client does not survive it
            clients.append(mongo.database(MongoClient(os.environ["FLOOR_MONGODB_URI"]), "floor"))
        document = request.get_json()
        clients[0]["reports"].insert_one(document)
        return {"id": str(document["_id"])}, 201

    @app.get("/healthz")
    def alive() -> dict[str, bool]:
        return {"alive": True}

    return app
