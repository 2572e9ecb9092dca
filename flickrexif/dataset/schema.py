"""The columns of the FlickrExif data set: Parquet files and cards derive from this file."""

from flickrexif.core.columns import Column

PUBLISHED_COLUMNS = (
    Column("Flickr ID", "int64", "Flickr's id of the photo"),
    Column("url", "string", "address of the image, the largest size up to 1024 px (l, then c, z, m)"),
    Column("owner", "string", "NSID of the photographer"),
    Column("Make", "string", "camera maker, as ExifTool prints it"),
    Column("Model", "string", "camera model, as ExifTool prints it"),
    Column("Exposure", "string", "ExposureTime as ExifTool prints it, seconds"),
    Column("Aperture", "string", "FNumber as ExifTool prints it"),
    Column("ISO Speed", "string", "ISO as ExifTool prints it"),
    Column("Focal Length", "string", "FocalLength as ExifTool prints it, with its unit"),
)

PHOTO_COLUMNS = (
    Column("title", "string", "the photographer's title; a stranger's text, escape it"),
    Column("owner_name", "string", "the photographer's name; a stranger's text, escape it"),
    Column("page_url", "string", "the photo's page on Flickr"),
    Column("license_id", "int16", "Flickr's licence id"),
    Column("license", "string", "licence name with its version"),
    Column("license_url", "string", "the licence's text"),
    Column("attribution", "string", "title, author, page and licence in one line"),
    Column("date_taken", "timestamp[ms]", "when the photo was taken, the photographer's clock, no zone"),
    Column(
        "date_taken_granularity",
        "int16",
        "0: exact to the second; null: to the minute, not told (yfcc100m), or no date_taken",
    ),
    Column("month", "string", "month the photo was taken, YYYY-MM"),
    Column("width", "int32", "pixels of the image at image_url; of a file of one's own, as stored"),
    Column("height", "int32", "pixels of the image at image_url; of a file of one's own, as stored"),
    Column("orientation", "int16", "Exif's, 1 (upright) to 8; null from Flickr, which turns the images it serves"),
    Column("image_url", "string", "address of the image"),
    Column("image_size", "string", "Flickr's size suffix of image_url: l (1024), c (800), z (640), m (500)"),
)

RAW_COLUMNS = tuple(
    Column(name, "string", f"{tag} as ExifTool prints it; of yfcc100m as its file has it")
    for name, tag in (
        ("make_raw", "Make"),
        ("model_raw", "Model"),
        ("exposure_raw", "ExposureTime"),
        ("aperture_raw", "FNumber"),
        ("iso_raw", "ISO"),
        ("focal_length_raw", "FocalLength"),
        ("focal_length_35mm_raw", "FocalLengthIn35mmFormat"),
        ("flash_raw", "Flash"),
        ("exposure_program_raw", "ExposureProgram"),
        ("exposure_mode_raw", "ExposureMode"),
        ("white_balance_raw", "WhiteBalance"),
        ("date_time_original_raw", "DateTimeOriginal"),
        ("lens_model_raw", "LensModel"),
        ("file_source_raw", "FileSource"),
        ("software_raw", "Software"),
    )
)

LABEL_COLUMNS = (
    Column("make", "string", "one canonical name a maker"),
    Column("make_published", "string", "the maker in the spelling of the published class names"),
    Column("model", "string", "model name without padding, serial numbers and firmware"),
    Column("device_category", "string", "smartphone, feature_phone, tablet, dslr, mirrorless, compact, ..."),
    Column("is_smartphone", "bool", "smart or non-smart, from device_category; null when unknown"),
    Column("exposure_seconds", "float64", "exposure time, seconds"),
    Column("f_number", "float64", "f-number"),
    Column("iso", "int32", "ISO speed"),
    Column("focal_length_mm", "float64", "focal length, millimetres"),
    Column("exposure_class", "string", "nearest nominal third-stop exposure time"),
    Column("aperture_class", "string", "nearest nominal third-stop f-number"),
    Column("iso_class", "string", "nearest nominal third-stop ISO speed"),
    Column("focal_length_class", "string", "focal-length bin"),
    Column("exposure_exact", "string", "the printed exposure time as its own class, as in the paper"),
    Column("aperture_exact", "string", "the printed f-number as its own class, as in the paper"),
    Column("iso_exact", "string", "the printed ISO speed as its own class, as in the paper"),
    Column("focal_length_exact", "string", "the printed focal length as its own class, as in the paper"),
    Column("flash", "bool", "whether the flash fired"),
    Column("exposure_program", "string", "ExposureProgram"),
    Column("exposure_mode", "string", "ExposureMode"),
    Column("white_balance", "string", "WhiteBalance"),
    Column("software", "string", "firmware or editor that wrote the file"),
    Column("edited", "bool", "whether `software` is an editor"),
    Column("year", "int16", "year taken"),
    Column("null_reasons", "string", "why a value that was there became null"),
    Column("exif_source", "string", "who read the Exif: file (numbers exact), flickr or yfcc100m (numbers as printed)"),
)

FULL_COLUMNS = PUBLISHED_COLUMNS + PHOTO_COLUMNS + RAW_COLUMNS + LABEL_COLUMNS

IMAGE_COLUMNS = (
    Column("Flickr ID", "int64", "Flickr's id of the photo"),
    Column("image", "image", "the file's bytes as fetched, never re-encoded"),
    Column(
        "sha256", "string", "of the bytes; of a link, of its file's size, time of change, and first and last 64 KiB"
    ),
    Column("width", "int32", "pixels"),
    Column("height", "int32", "pixels"),
    Column("image_size", "string", "Flickr's size suffix: o (original), l, c, z or m"),
)
