-- The journal of a crawl: every call, candidate and verdict, and each answer as it came.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE calls (at REAL NOT NULL, method TEXT NOT NULL, month TEXT NOT NULL);

CREATE TABLE months (
    month  TEXT PRIMARY KEY,
    target INTEGER NOT NULL,             -- what was asked for last
    rounds INTEGER NOT NULL DEFAULT 0,   -- rounds of windows read and drawn
    done   INTEGER NOT NULL DEFAULT 0,   -- the photos kept are those of the target, or all there are
    exhausted INTEGER NOT NULL DEFAULT 0 -- every photo that the searches brought is drawn
) WITHOUT ROWID;

-- One row a search answer: what the sampling of windows is replayed from.
CREATE TABLE searches (
    month TEXT NOT NULL,
    query TEXT NOT NULL,                 -- the window, see month.Window.key
    page  INTEGER NOT NULL,
    total INTEGER NOT NULL,              -- Flickr's estimate; -1: there is no such page
    fresh INTEGER NOT NULL,              -- photos on the page that no earlier page of the window had
    shown INTEGER,                       -- photos on the page; NULL: none was stored, the window is too large
    PRIMARY KEY (month, query, page)
) WITHOUT ROWID;

-- Windows whose photos may not be all, and why.
CREATE TABLE doubts (
    month TEXT NOT NULL,
    query TEXT NOT NULL,
    doubt TEXT NOT NULL,                 -- one of search.DOUBTS
    PRIMARY KEY (month, query, doubt)
) WITHOUT ROWID;

CREATE TABLE candidates (
    photo_id INTEGER PRIMARY KEY,
    month    TEXT NOT NULL,
    query    TEXT NOT NULL,              -- the window that brought it first; '': the month is searched again
    owner    TEXT NOT NULL,
    rank     INTEGER NOT NULL,           -- the keyed random order
    round    INTEGER,                    -- the round that drew it; NULL: read, not drawn
    verdict  TEXT,                       -- of search and Exif; "kept": usable; NULL: not tried
    photo    BLOB,                       -- SearchPhoto as JSON; NULL once it is out
    tags     BLOB,                       -- chosen raw Exif strings as JSON, of usable photos
    passed_over TEXT                     -- why it is not kept whatever its Exif says
);
CREATE INDEX candidates_order ON candidates (month, round, rank, photo_id);
CREATE INDEX candidates_query ON candidates (month, query, rank);
CREATE INDEX candidates_verdict ON candidates (month, verdict);

CREATE VIEW kept AS SELECT * FROM candidates WHERE verdict = 'kept' AND passed_over IS NULL;

CREATE TABLE exif (photo_id INTEGER PRIMARY KEY, answer BLOB NOT NULL);  -- getExif's answer, zlib

CREATE TABLE images (
    photo_id INTEGER PRIMARY KEY,
    month    TEXT NOT NULL,
    reason   TEXT,                       -- NULL: fetched
    size     TEXT,
    path     TEXT,
    sha256   TEXT,
    width    INTEGER,
    height   INTEGER,
    original_reason TEXT                 -- why it is not the original; NULL: that was not asked for, or is the file
);

-- What became of photos of the data set when Flickr was asked again.
CREATE TABLE checks (photo_id INTEGER PRIMARY KEY, at REAL NOT NULL, verdict TEXT NOT NULL);
