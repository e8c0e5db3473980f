"""A gateway of a test's own."""

import json
import pathlib
from typing import List

import pytest
import storegate
import storegate.testing
from shop.v1.category_store_pb2 import (
    Category,
    CreateCategoryRequest,
    GetCategoryRequest,
    ListCategoriesRequest,
)
from shop.v1.category_store_pb2_grpc import CategoryStoreStub

NOTES = """syntax = "proto3";
package notes.v1;
message Note { string id = 1; string title = 2; }
service NoteStore { rpc GetNote(GetNoteRequest) returns (Note); }
message GetNoteRequest { string id = 1; }
"""


def slugs(categories: CategoryStoreStub) -> List[str]:
    request = ListCategoriesRequest(order_by="slug")
    found = storegate.records(
        categories.ListCategories, request, lambda page: page.categories
    )
    return [category.slug for category in found]


def test_it_is_used_reset_and_stopped(tmp_path: pathlib.Path) -> None:
    seed = tmp_path / "seed.jsonl"
    hats = {"entity": "Category", "record": {"name": "Hats", "slug": "hats"}}
    seed.write_text(json.dumps(hats) + "\n")
    with storegate.testing.start(seed=seed) as own:
        with storegate.connect(own.target) as channel:
            categories = CategoryStoreStub(channel)
            assert slugs(categories) == ["hats"]
            socks = Category(name="Socks", slug="socks")
            categories.CreateCategory(CreateCategoryRequest(category=socks))
            assert slugs(categories) == ["hats", "socks"]
            own.reset()
            assert slugs(categories) == ["hats"]
            own.stop()
            own.stop()
            with pytest.raises(storegate.Unavailable):
                categories.GetCategory(GetCategoryRequest(slug="hats"))
    assert "serving" in own.log()


def test_any_schema_is_served(tmp_path: pathlib.Path) -> None:
    (tmp_path / "notes.proto").write_text(NOTES)
    with storegate.testing.start(proto=tmp_path) as own, storegate.connect(own.target) as channel:
        with pytest.raises(storegate.Unimplemented):
            CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="hats"))
        # By the wire format, where there are no stubs: both have a string as field 1.
        get_note = channel.unary_unary(
            "/notes.v1.NoteStore/GetNote",
            request_serializer=GetCategoryRequest.SerializeToString,
            response_deserializer=Category.FromString,
        )
        with pytest.raises(storegate.NotFound):
            get_note(GetCategoryRequest(id="x"))


def test_it_says_why_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="--no-such-flag"):
        storegate.testing.start(args=["--no-such-flag"])
    with pytest.raises(RuntimeError, match="STOREGATE_BIN"):
        storegate.testing.start(binary="/nowhere/storegate")
