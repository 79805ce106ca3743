"""The API."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app.database import SessionDep, engine
from app.models import Book

Isbn = Annotated[str, Field(pattern=r"^\d{13}$")]


class BookIn(BaseModel):
    isbn: Isbn
    title: str = Field(max_length=200)


class BookOut(BookIn):
    model_config = ConfigDict(from_attributes=True)

    holder: str | None


class Loan(BaseModel):
    holder: str = Field(min_length=1, max_length=100)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(title="shelf", lifespan=lifespan)


@app.get("/books", response_model=list[BookOut])
async def list_books(session: SessionDep, after: str = "") -> Sequence[Book]:
    query = select(Book).where(Book.isbn > after).order_by(Book.isbn).limit(50)
    return (await session.scalars(query)).all()


@app.post("/books", response_model=BookOut, status_code=201)
async def add_book(session: SessionDep, new: BookIn) -> Book:
    values = new.model_dump()
    query = insert(Book).values(values).on_conflict_do_nothing(index_elements=["isbn"])
    book: Book | None = await session.scalar(query.returning(Book))
    if book is None:
        raise HTTPException(409, "the shelf has this book")
    await session.commit()
    return book


@app.post("/books/{isbn}/loan", response_model=BookOut)
async def lend(session: SessionDep, isbn: Isbn, loan: Loan) -> Book:
    # one statement: of two who ask at the same time one gets the book
    query = update(Book).where(Book.isbn == isbn, Book.holder.is_(None))
    book: Book | None = await session.scalar(query.values(holder=loan.holder).returning(Book))
    if book is None:
        raise HTTPException(409, "nobody can have this book now")
    await session.commit()
    return book
