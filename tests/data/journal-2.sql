-- The journal of a crawl: every call, candidate and verdict, and each answer as it came.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE calls (at REAL NOT NULL, method TEXT NOT NULL, month TEXT NOT NULL);
CREATE INDEX calls_at ON calls (at);

CREATE TABLE months (
    month  TEXT PRIMARY KEY,
    target INTEGER NOT NULL,
    rounds INTEGER NOT NULL DEFAULT 0,   -- rounds of windows read and drawn
    done   INTEGER NOT NULL DEFAULT 0    -- target met, or no candidate left
) WITHOUT ROWID;

-- One row a search answer: what the sampling of windows is replayed from.
CREATE TABLE searches (
    month TEXT NOT NULL,
    query TEXT NOT NULL,                 -- the window, see month.Window.key
    page  INTEGER NOT NULL,
    total INTEGER NOT NULL,              -- Flickr's estimate
    fresh INTEGER NOT NULL,              -- photos on the page that no earlier page had
    PRIMARY KEY (month, query, page)
) WITHOUT ROWID;

CREATE TABLE candidates (
    photo_id INTEGER PRIMARY KEY,
    month    TEXT NOT NULL,
    query    TEXT NOT NULL,
    owner    TEXT NOT NULL,
    rank     INTEGER NOT NULL,           -- the keyed random order
    round    INTEGER,                    -- the round that drew it; NULL: read, not drawn
    verdict  TEXT,                       -- NULL: not tried yet
    photo    BLOB,                       -- SearchPhoto as JSON; NULL once it is out
    tags     BLOB                        -- chosen raw Exif strings as JSON, of kept photos
);
CREATE INDEX candidates_order ON candidates (month, round, rank, photo_id);
CREATE INDEX candidates_query ON candidates (month, query, rank);
CREATE INDEX candidates_verdict ON candidates (month, verdict);

CREATE TABLE exif (photo_id INTEGER PRIMARY KEY, answer BLOB NOT NULL);  -- getExif's answer, zlib

CREATE TABLE images (
    photo_id INTEGER PRIMARY KEY,
    month    TEXT NOT NULL,
    reason   TEXT,                       -- NULL: fetched
    size     TEXT,
    path     TEXT,
    sha256   TEXT,
    width    INTEGER,
    height   INTEGER
);

-- What became of photos of the data set when Flickr was asked again.
CREATE TABLE checks (photo_id INTEGER PRIMARY KEY, at REAL NOT NULL, verdict TEXT NOT NULL);
