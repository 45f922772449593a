"""FastAPI with PyJWT and SQLAlchemy, as their tutorials have it."""

import os
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, field_serializer
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://"))
Session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products_product"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sku: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    price: Mapped[Decimal]
    currency: Mapped[str]
    active: Mapped[bool]
    search_key: Mapped[str]
    stock: Mapped["Stock"] = relationship(back_populates="product")

    @property
    def available(self) -> int:
        return self.stock.on_hand - self.stock.reserved


class Stock(Base):
    __tablename__ = "products_stock"

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"), primary_key=True)
    on_hand: Mapped[int]
    reserved: Mapped[int]
    product: Mapped[Product] = relationship(back_populates="stock")


class ProductOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

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


async def get_session():
    async with Session() as session:
        yield session


async def read_claims(token: Annotated[str, Depends(oauth2_scheme)]) -> dict:
    try:
        claims = jwt.decode(token, os.environ["PEER_SECRET"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Could not validate credentials", headers={"WWW-Authenticate": "Bearer"}) from None
    if "products:read" not in claims.get("scope", "").split():
        raise HTTPException(403, "Not enough permissions")
    return claims


@app.get("/api/products/", response_model=Page)
async def products(
    claims: Annotated[dict, Depends(read_claims)],
    session: Annotated[AsyncSession, Depends(get_session)],
    offset: int = 0,
    limit: int = 20,
):
    chosen = select(Product).where(Product.active).options(joinedload(Product.stock, innerjoin=True))
    found = await session.scalars(chosen.order_by(Product.search_key, Product.id).offset(offset).limit(limit))
    return {"results": found.all()}
