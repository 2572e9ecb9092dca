"""Exact nearest neighbours in a large matrix, tile by tile, in bounded memory.

The cosine similarities s(q, x) = q.x / (|q| |x|) of all queries to one tile of base rows are one matrix product. Of
each product only the k best are kept, in lists that the next tile improves. A neighbour in a list is one int64 key,

    key = order(s) * 2^32 + (2^32 - 1 - index),

where order maps float32 to int32 and keeps its order. So the greatest keys are the highest similarities, the lower
index first among equal ones, and the result does not depend on how a top-k sorts ties. The k best of a row lie in the
k chunks with the highest maxima, so a whole row is sorted only where the last of them has an equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError, UsageError

CHUNK = 32
EMPTY = torch.iinfo(torch.int64).min  # a free place in a list
LOW = 2**32 - 1
DEFAULT_MEMORY = 2 * 2**30  # bytes
WIDEST = 128 * CHUNK  # base rows of one matrix in a tile


@dataclass(frozen=True, slots=True)
class Tile:
    """Sizes of a product: of `block` queries in memory, `rows` at a time are multiplied with `columns` base rows."""

    block: int
    rows: int
    columns: int


def plan(*, memory: int, matrices: int, width: int, lists: int) -> Tile:
    """Tile sizes within `memory` bytes: half for the queries and their lists, a quarter each for a tile and a product.

    There are `matrices` matrices of queries and as many of base rows, of `width` float32 a row; all lists of a query
    together hold `lists` keys.
    """
    columns = min(max(CHUNK, memory // 4 // (12 * matrices * width) // CHUNK * CHUNK), WIDEST)
    rows = max(1, memory // 4 // (8 * matrices**2 * columns))  # the product, and as much for what is taken from it
    block = max(rows, memory // 2 // (8 * matrices * width + 24 * lists))
    return Tile(block=block, rows=rows, columns=columns)


def spans(total: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` that cover range(total)."""
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


# --- vectors and products


def unit_rows(source: Tensor, index: slice | Tensor, device: str = "cpu") -> Tensor:
    """The rows at `index` of `source` [n, d] (it may be memory-mapped) as float32 of length 1, on `device`.

    FlickrExifError for a row that is not finite or is all zero: it has no direction.
    """
    at = index if isinstance(index, slice) else index.to(source.device)
    vectors = source[at].to(device=device, dtype=torch.float32)
    length = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    wrong = (~(torch.isfinite(length) & (length > 0))).nonzero()
    if len(wrong):
        place = int(wrong[0, 0])
        row = index.start + place if isinstance(index, slice) else int(index[place])
        raise FlickrExifError(f"The embedding in row {row} is zero or not finite.", "Embed that image anew.")
    unit: Tensor = vectors / length
    return unit


def resident(matrices: Sequence[Tensor], memory: int, device: str) -> list[Tensor]:
    """The matrices moved to a GPU where they fit into half of `memory` bytes; else as they are."""
    fits = device != "cpu" and sum(m.nbytes for m in matrices) <= memory // 2
    return [m.to(device) for m in matrices] if fits else list(matrices)


def sweep(query: Tensor, base: Sequence[Tensor], tile: Tile) -> Iterator[tuple[slice, slice, Tensor]]:
    """Multiply query vectors [b, a, d] of length 1 with all rows of the base matrices, [n, d] each.

    Yields (queries, base rows, similarities [queries, a, matrices, columns]) tile by tile, base rows in their order;
    columns past the last base row, up to a multiple of CHUNK, hold -inf. The caller may write to the similarities; the
    next step overwrites them.
    """
    device = str(query.device)
    b, a, d = query.shape
    columns = min(tile.columns, -(-len(base[0]) // CHUNK) * CHUNK)
    right = torch.zeros(len(base), columns, d, device=device)
    buffer = torch.empty(min(tile.rows, b) * a * len(base) * columns, device=device)
    for span in spans(len(base[0]), columns):
        width = span.stop - span.start
        for matrix, target in zip(base, right, strict=True):
            target[:width] = unit_rows(matrix, span, device)
        for rows in spans(b, tile.rows):
            part = query[rows].flatten(0, 1)
            product = buffer[: len(part) * len(base) * columns].view(len(part), -1)
            torch.mm(part, right.flatten(0, 1).T, out=product)
            similarity = product.view(-1, a, len(base), columns)
            similarity[..., width:] = -torch.inf
            yield rows, span, similarity


def check_shapes(queries: Sequence[Tensor], base: Sequence[Tensor]) -> None:
    """FlickrExifError unless all are matrices of one width, the queries of one length and the base rows of one."""
    everything = (*queries, *base)
    if any(m.ndim != 2 or m.shape[1] != everything[0].shape[1] for m in everything):
        shapes = ", ".join(sorted({str(tuple(m.shape)) for m in everything}))
        raise FlickrExifError(f"The embeddings differ in width: {shapes}.", "Use files of one encoder.")
    for kind, matrices in (("query", queries), ("training", base)):
        counts = sorted({len(m) for m in matrices})
        if len(counts) > 1:
            message = f"The {kind} embeddings of the variants differ in number: {counts}."
            raise FlickrExifError(message, "Embed the same images for every variant.")
        if counts == [0]:
            raise FlickrExifError(f"There are no {kind} embeddings.", "Embed some images first.")


def check_k(k: int) -> None:
    """UsageError for a number of neighbours below 1."""
    if k < 1:
        raise UsageError(f"{k} neighbours cannot be taken.", "Give a k of at least 1, such as 10.")


# --- keys


def pack(similarity: Tensor, index: Tensor) -> Tensor:
    """Keys of similarities and indices (int64, 0 to 2^32 - 1); -inf gives EMPTY."""
    bits = (similarity.float() + 0.0).view(torch.int32)  # -0.0 and 0.0 are one value
    order = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return ((order.long() << 32) | (LOW - index)).masked_fill_(similarity == -torch.inf, EMPTY)


def similarity_of(keys: Tensor) -> Tensor:
    """The similarities (float32) of keys; -inf for EMPTY."""
    order = (keys >> 32).int()
    values = (order ^ ((order >> 31) & 0x7FFFFFFF)).view(torch.float32)
    return values.masked_fill_(keys == EMPTY, -torch.inf)


def index_of(keys: Tensor) -> Tensor:
    """The indices (int64) of keys; -1 for EMPTY."""
    return (LOW - (keys & LOW)).masked_fill_(keys == EMPTY, -1)


def merge(first: Tensor, second: Tensor, k: int) -> Tensor:
    """The k greatest keys of lists [..., a] and [..., b], the greatest first, padded with EMPTY: [..., k]."""
    both = torch.cat((first, second), dim=-1)
    if both.shape[-1] < k:
        both = torch.nn.functional.pad(both, (0, k - both.shape[-1]), value=EMPTY)
    return both.topk(k, dim=-1).values


# --- lists


def empty_lists(*shape: int, device: str = "cpu") -> Tensor:
    """Lists of the given shape without a neighbour yet."""
    return torch.full(shape, EMPTY, dtype=torch.int64, device=device)


def in_chunks(columns: Tensor) -> Tensor:
    """View [..., n], n a multiple of CHUNK, as [..., n / CHUNK, CHUNK]."""
    return columns.reshape(*columns.shape[:-1], -1, CHUNK)


def chunk_maxima(similarity: Tensor) -> Tensor:
    """The maximum of each chunk of [..., n], n a multiple of CHUNK: [..., n / CHUNK]."""
    return in_chunks(similarity).amax(-1)


def highest(similarity: Tensor, count: int, maxima: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The highest similarities of the given rows of [r, n], and their columns, [len(rows), min(count, n)].

    n is a multiple of CHUNK. Of equal ones, any are taken.
    """
    chunks = in_chunks(similarity)
    chosen = maxima[rows].topk(min(count, chunks.shape[1])).indices
    candidates = chunks[rows[:, None], chosen].flatten(1)
    values, place = candidates.topk(min(count, candidates.shape[1]))
    return values, chosen.gather(1, place // CHUNK) * CHUNK + place % CHUNK


def best(similarity: Tensor, k: int, maxima: Tensor, rows: Tensor) -> Tensor:
    """The k best of the given rows of similarities [r, n]: keys with the column as index, [len(rows), min(k, n)]."""
    values, columns = highest(similarity, k + 1, maxima, rows)
    keys = pack(values, columns)
    if keys.shape[1] > k:
        tied = ((values[:, k] == values[:, k - 1]) & (values[:, k] > -torch.inf)).nonzero()[:, 0]
        for part in torch.split(tied, max(1, len(similarity) // 16)):  # of equal ones the first are due: look at all
            column = torch.arange(similarity.shape[1], device=similarity.device)
            keys[part] = pack(similarity[rows[part]], column).topk(k + 1).values
    return keys.topk(min(k, keys.shape[1])).values


def moved(keys: Tensor, index: Tensor) -> Tensor:
    """The keys with other indices (int64, which rise as the old ones do)."""
    return torch.where(keys == EMPTY, keys, (keys & ~LOW) | (LOW - index))


def improve(lists: Tensor, similarity: Tensor, index: Tensor) -> Tensor:
    """The lists [r, k] after the base rows of one more tile, with similarities [r, n].

    `index` [g, n] holds the base row of each column, rising, for g groups of r / g successive rows. Tiles come in the
    order of their base rows, so a similarity never displaces an equal one that is in the list.
    """
    maxima = chunk_maxima(similarity)
    rows = (maxima.amax(-1) > similarity_of(lists[:, -1])).nonzero()[:, 0]
    if not len(rows):
        return lists
    best_keys = best(similarity, lists.shape[1], maxima, rows)
    group = rows // (len(similarity) // len(index))
    best_keys = moved(best_keys, index[group[:, None], index_of(best_keys)])
    return lists.index_copy(0, rows, merge(lists[rows], best_keys, lists.shape[1]))


# --- the nearest of one matrix


def nearest(
    *,
    queries: Tensor,
    base: Tensor,
    k: int,
    itself: Tensor | None = None,
    memory: int = DEFAULT_MEMORY,
    device: str = "cpu",
) -> Tensor:
    """Keys [n, k] of the k base rows nearest to each query by cosine similarity, nearest first; EMPTY past the last.

    `queries` [n, d] and `base` [m, d] are of any float type; `itself` [n] is the base row of each query, which is left
    out (-1: none). Raises UsageError for k < 1, FlickrExifError for shapes that do not fit or rows without a direction.
    """
    check_k(k)
    check_shapes([queries], [base])
    tile = plan(memory=memory, matrices=1, width=queries.shape[1], lists=k)
    matrices = resident([base], memory, device)
    keys = []
    for block in spans(len(queries), tile.block):
        query = unit_rows(queries, block, device)[:, None]
        lists = empty_lists(len(query), k, device=device)
        for rows, span, product in sweep(query, matrices, tile):
            similarity = product[:, 0, 0]
            column = torch.arange(span.start, span.start + similarity.shape[1], device=device)
            if itself is not None:
                _leave_out(similarity, itself[block][rows].to(device) - span.start)
            lists[rows] = improve(lists[rows], similarity, column[None])
        keys.append(lists.cpu())
    return torch.cat(keys)


def _leave_out(similarity: Tensor, column: Tensor) -> None:
    """Set one column of each row to -inf, where it lies within."""
    rows = ((column >= 0) & (column < similarity.shape[1])).nonzero()[:, 0]
    similarity[rows, column[rows]] = -torch.inf
