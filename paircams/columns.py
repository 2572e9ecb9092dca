"""The columns of a built data set."""

from flickrexif.core.columns import Column

COLUMNS = (
    Column("image", "image", "the file, its private metadata taken out, its compressed picture untouched"),
    Column("subject_idx", "int64", "the subject; two images have each"),
    Column("model", "string", "camera model by name, as published (in embedding files `model` is 1 for phone)"),
    Column("side", "string", "phone or camera, the published side: XT1032, a phone of 2013, is on the camera side"),
    Column("device_category", "string", "what the device is: smartphone, compact, bridge, dslr, mirrorless, ..."),
    Column("make", "string", "one canonical name a maker"),
    Column("released", "int16", "year the model was released; null where the table of cameras lacks it"),
    Column("flash", "bool", "whether the flash fired"),
    Column("white_balance", "string", "Auto or Manual"),
    Column("exposure_mode", "string", "Auto, Manual or Auto bracket"),
    Column("exposure_program", "string", "Program AE, Manual, ..."),
    Column("taken", "timestamp[ms]", "when the photo was taken, by the camera's clock, no zone"),
    Column("width", "int32", "pixels as stored, before the orientation is applied"),
    Column("height", "int32", "pixels as stored"),
    Column("sha256", "string", "of the stored file"),
    Column("simulated", "bool", "no photo but made by `flickrexif pairs simulate`"),
)
