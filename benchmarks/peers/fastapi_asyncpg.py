"""FastAPI with PyJWT and asyncpg, its SQL by hand."""

import os
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, field_serializer

SQL = """
    SELECT p.id, p.sku, p.name, p.category, p.price, p.currency, s.on_hand - s.reserved AS available, p.active
    FROM products_product p JOIN products_stock s ON s.product_id = p.id
    WHERE p.active ORDER BY p.search_key, p.id LIMIT $1 OFFSET $2
"""


@asynccontextmanager
async def lifespan(app):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


class ProductOut(BaseModel):
    id: UUID
    sku: str
    name: str
    category: str
    price: Decimal
    currency: str
    available: int
    active: bool

    @field_serializer("price")
    def write_price(self, price: Decimal) -> str:
        return f"{price:.2f}"


class Page(BaseModel):
    results: list[ProductOut]


async def read_claims(token: Annotated[str, Depends(oauth2_scheme)]) -> dict:
    try:
        claims = jwt.decode(token, os.environ["PEER_SECRET"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Could not validate credentials", headers={"WWW-Authenticate": "Bearer"}) from None
    if "products:read" not in claims.get("scope", "").split():
        raise HTTPException(403, "Not enough permissions")
    return claims


@app.get("/api/products/", response_model=Page)
async def products(claims: Annotated[dict, Depends(read_claims)], offset: int = 0, limit: int = 20):
    rows = await app.state.pool.fetch(SQL, limit, offset)
    return {"results": [dict(row) for row in rows]}
