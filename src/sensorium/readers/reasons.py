"""Formats by the names that people use, and why those that are not read are not, with what to do instead."""

from __future__ import annotations

_UNPACK = "unpack it and add what is inside"
_RAW = "a camera's raw file: develop it to JPEG or TIFF"
_BY_TYPE = {
    "application/zip": f"an archive (zip): {_UNPACK}", "application/gzip": f"a compressed file (gzip): {_UNPACK}",
    "application/x-bzip2": f"a compressed file (bzip2): {_UNPACK}",
    "application/x-xz": f"a compressed file (xz): {_UNPACK}",
    "application/zstd": f"a compressed file (zstd): {_UNPACK}",
    "application/x-lz4": f"a compressed file (lz4): {_UNPACK}",
    "application/x-compress": f"a compressed file (compress): {_UNPACK}",
    "application/x-lzip": f"a compressed file (lzip): {_UNPACK}", "application/x-7z": f"an archive (7z): {_UNPACK}",
    "application/x-rar": f"an archive (rar): {_UNPACK}", "application/x-tar": f"an archive (tar): {_UNPACK}",
    "application/x-ar": f"an archive (ar): {_UNPACK}", "application/x-cab": f"an archive (cab): {_UNPACK}",
    "application/x-lha": f"an archive (lha): {_UNPACK}", "application/x-rpm": "a software package (rpm)",
    "application/x-disk-image": "a disk image: open it and add what is inside",
    "application/x-executable": "a program", "application/x-shockwave-flash": "a Flash program",
    "application/vnd.sqlite3": "a database (SQLite): export its tables as CSV",
    "application/x-msaccess": "a database (Access): export its tables as CSV",
    "application/x-hdf5": "scientific data (HDF5): export what is in it",
    "application/x-netcdf": "scientific data (netCDF)",
    "application/vnd.apache.parquet": "a table (Parquet): export it as CSV, or add its rows with `add_rows`",
    "application/vnd.apache.arrow.file": "a table (Arrow): export it as CSV, or add its rows with `add_rows`",
    "application/x-avro": "a table (Avro): export it as CSV", "application/x-spss": "a table (SPSS): export it as CSV",
    "application/x-numpy": "an array of numbers (NumPy)", "application/x-matlab": "arrays of numbers (MATLAB)",
    "application/x-gguf": "the weights of a model", "application/x-grib": "weather data (GRIB)",
    "application/x-pickle": "a Python pickle, which may run a program when it is opened",
    "application/vnd.ms-outlook-pst": "an Outlook mailbox (.pst): export its mails",
    "application/vnd.ms-outlook": "an Outlook message (.msg): save it as text or HTML",
    "application/vnd.ms-tnef": "an Outlook attachment (winmail.dat): unpack it and add what is inside",
    "application/onenote": "a OneNote notebook: export it as PDF or .docx",
    "application/msword": "an old Word document (.doc): save it as .docx",
    "application/vnd.ms-powerpoint": "an old PowerPoint presentation (.ppt): save it as .pptx",
    "application/vnd.ms-excel": "an old Excel workbook (.xls): save it as .xlsx",
    "application/vnd.wordperfect": "a WordPerfect document: save it as .docx",
    "application/x-locked-office": "an Office document that is locked with a password: remove the password",
    "application/vnd.visio": "a Visio drawing: save it as SVG or PDF",
    "application/x-mspublisher": "a Publisher document: save it as PDF",
    "application/x-ole-storage": "an old Office file or another of Windows' compound files: save it in a newer format",
    "application/vnd.ms-officetheme": "an Office theme", "application/x-chm": "Windows help (.chm): export it as HTML",
    "application/x-lit": "an old e-book (.lit): save it as EPUB",
    "application/x-mobipocket-ebook": "a Kindle e-book: save it as EPUB",
    "application/x-midi": "notes without sound (MIDI): render them as WAV or MP3",
    "application/x-tracker": "a tracker module: render it as WAV or MP3",
    "application/postscript": "PostScript: save it as PDF",
    "image/x-eps": "a PostScript picture (EPS): save it as PDF or PNG",
    "application/x-eps": "a PostScript picture (EPS): save it as PDF or PNG",
    "application/dicom": "a medical picture (DICOM): export it as PNG",
    "application/x-nifti": "a medical volume (NIfTI or Analyze): export it as PNG",
    "application/vnd.iccprofile": "a colour profile", "application/x-blender": "a 3D scene (Blender)",
    "application/acad": "a drawing (AutoCAD): save it as PDF or SVG",
    "application/x-shortcut": "a shortcut to another file",
    "application/x-folder-settings": "a folder's settings (.DS_Store)",
    "application/x-plist": "settings (binary plist)",
    "application/x-bittorrent": "a torrent, not what it names", "application/x-gettext": "compiled translations",
    "application/x-pgp": "an encrypted file or a key", "application/x-ftyp-unknown": "an unknown kind of film",
    "image/jxl": "a JPEG XL picture: save it as JPEG or PNG", "image/jxr": "a JPEG XR picture: save it as JPEG or PNG",
    "image/bpg": "a BPG picture: save it as JPEG or PNG", "image/flif": "a FLIF picture: save it as PNG",
    "image/x-xcf": "a GIMP picture (.xcf): export it as PNG", "image/vnd.djvu": "a DjVu document: save it as PDF",
    "image/wmf": "a Windows metafile: save it as SVG or PNG", "image/emf": "a Windows metafile: save it as SVG or PNG",
    "image/ktx": "a texture (KTX): save it as PNG", "image/x-pvr": "a texture (PVR): save it as PNG",
    "image/astc": "a texture (ASTC): save it as PNG",
    "image/x-cineon": "a scanned film frame (Cineon): save it as DPX or PNG",
    "image/x-clip-studio": "a Clip Studio picture: export it as PNG",
    "image/x-affinity": "an Affinity picture: export it as PNG",
    "image/x-xpixmap2": "an old X pixmap (XPM 2): save it as PNG", "image/x-camera-raw": _RAW,
    "image/svg+xml-compressed": "a compressed SVG picture (.svgz): save it as .svg",
    "image/vnd.fpx": "a FlashPix picture: save it as JPEG or PNG",
}  # fmt: skip
_BY_FAMILY = {
    "font/": "a font", "model/": "a 3D model", "chemical/": "a chemical structure",
    "application/font": "a font", "application/x-font": "a font",
}  # fmt: skip
# What zips, OLE files and files without a mark are, as far as their names tell.
_BY_SUFFIX = {
    **dict.fromkeys(("doc", "dot"), _BY_TYPE["application/msword"]),
    **dict.fromkeys(("ppt", "pps", "pot"), _BY_TYPE["application/vnd.ms-powerpoint"]),
    "xls": _BY_TYPE["application/vnd.ms-excel"], "msg": _BY_TYPE["application/vnd.ms-outlook"],
    "fpx": _BY_TYPE["image/vnd.fpx"], "mic": "a picture of Microsoft Image Composer: save it as PNG",
    "db": "a database or a cache of thumbnails", "msi": "a Windows installer",
    "pub": "a Publisher document: save it as PDF",
    "vsd": "a Visio drawing (.vsd): save it as PDF or SVG", "vsdx": "a Visio drawing (.vsdx): save it as PDF or SVG",
    "mpp": "a Project plan: save it as PDF", "wps": "a Works document: save it as .docx",
    "jar": "a program (Java)", "apk": "a program (Android)", "ipa": "a program (iOS)", "whl": "a Python package",
    "egg": "a Python package", "xpi": "a browser extension", "crx": "a browser extension",
    "deb": "a software package (deb)",
    "dmg": _BY_TYPE["application/x-disk-image"], "iso": _BY_TYPE["application/x-disk-image"],
    "img": _BY_TYPE["application/x-disk-image"], "vhd": _BY_TYPE["application/x-disk-image"],
    "npz": "arrays of numbers (NumPy)", "pt": "the weights of a model", "pth": "the weights of a model",
    "safetensors": "the weights of a model", "onnx": "the weights of a model", "h5": _BY_TYPE["application/x-hdf5"],
    "pages": "a Pages document: export it as PDF or .docx", "numbers": "a Numbers spreadsheet: export it as .xlsx",
    "key": "a Keynote presentation: export it as PDF or .pptx, or an encryption key",
    "odg": "an OpenDocument drawing: save it as PDF or SVG", "kra": "a Krita picture: export it as PNG",
    "sketch": "a Sketch drawing: export it as SVG or PNG", "kmz": "places on a map (.kmz): save them as .kml",
    "cbz": "a comic book (.cbz): unpack it and add the pages",
    "cbr": "a comic book (.cbr): unpack it and add the pages",
    "usdz": "a 3D model", "3mf": "a 3D model", "stl": "a 3D model", "mobi": _BY_TYPE["application/x-mobipocket-ebook"],
    "pyc": "a program (Python bytecode)", "class": "a program (Java)", "o": "a program", "a": "a program",
    "lib": "a program",
    "pkl": _BY_TYPE["application/x-pickle"], "pickle": _BY_TYPE["application/x-pickle"],
    "mo": _BY_TYPE["application/x-gettext"], "gpg": _BY_TYPE["application/x-pgp"], "pgp": _BY_TYPE["application/x-pgp"],
    "der": "a certificate or a key", "p12": "a certificate or a key", "pfx": "a certificate or a key",
    "grb": _BY_TYPE["application/x-grib"], "cur": "a cursor without a picture", "ico": "an icon without a picture",
    **dict.fromkeys(("crw", "orf", "mrw", "x3f", "dcr", "kdc", "raw"), _RAW),
    **dict.fromkeys(("swp", "tmp", "part", "crdownload", "lock"), "a temporary file of a program"),
}  # fmt: skip
_VAGUE = frozenset({"application/zip", "application/x-ole-storage", "application/octet-stream", "application/x-ar"})
_NAMES = {
    "image/x-portable-anymap": "PPM", "image/jp2": "JPEG 2000", "image/vnd.adobe.photoshop": "PSD",
    "image/x-icon": "ICO", "image/x-cursor": "CUR", "image/vnd-ms.dds": "DDS", "image/fits": "FITS",
    "image/x-xbitmap": "XBM", "image/x-xpixmap": "XPM", "image/x-sun-raster": "Sun raster", "image/jls": "JPEG-LS",
    "image/x-photo-cd": "Photo CD", "image/x-quake-wal": "WAL", "image/vnd.radiance": "Radiance HDR",
    "image/x-portable-arbitrarymap": "PAM", "image/x-portable-floatmap": "PFM", "image/x-xwindowdump": "XWD",
    "image/x-exr": "OpenEXR", "image/vnd.wap.wbmp": "WBMP", "image/x-farbfeld": "farbfeld", "image/webp": "WebP",
    "image/x-fli": "FLIC", "image/x-gimp-gbr": "GIMP brush", "image/x-xv-thumbnail": "XV thumbnail",
    "image/x-ilbm": "ILBM",
    "image/svg+xml": "SVG", "image/svg+xml-compressed": "SVGZ",
}  # fmt: skip


def called(media_type: str) -> str:
    """A format's name, such as "JPEG" for "image/jpeg"."""
    last = media_type.partition("/")[2]
    return _NAMES.get(media_type) or last.removeprefix("x-").removeprefix("vnd.").upper()


def why_not(media_type: str, name: str) -> str:
    """Why a file of `media_type` called `name` is not read, in one line, with what to do about it if anything."""
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    if media_type in _VAGUE and suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if media_type in _BY_TYPE:
        return _BY_TYPE[media_type]
    for family, why in _BY_FAMILY.items():
        if media_type.startswith(family):
            return why
    if media_type == "application/octet-stream":
        return "not a kind of file that is read: no known format"
    return f"not a kind of file that is read: {media_type}"
