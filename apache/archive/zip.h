/* The directory of a zip archive: what is in it, and where.
 *
 * Every byte of an archive is somebody else's.  This file and zip.c, names.c and cursor.h know
 * nothing of Apache, so that tests and fuzzers build them alone.  What is written here follows
 * PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.4, and where that leaves a choice, Python's
 * zipfile.
 */
#ifndef HTTPDAPY_ZIP_H
#define HTTPDAPY_ZIP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HDPY_ZIP_STORED 0
#define HDPY_ZIP_DEFLATED 8

/* More than this is no directory to keep in memory: some two million members. */
#define HDPY_ZIP_DIRECTORY_MAX ((uint64_t)256 << 20)

/* Where the bytes come from. */
typedef struct {
    /* all of them: 0, or an errno */
    int (*read)(void *context, void *data, size_t length, uint64_t offset);
    void *context;
    uint64_t size;
} hdpy_zip_source;

/* What is wrong, for the log. */
typedef struct {
    char text[256];
} hdpy_zip_error;

/* A file or directory.  Sizes and offsets are what the archive says, which may be a lie. */
typedef struct {
    uint64_t header;           /* where its local header begins */
    uint64_t limit;            /* where at the latest its data ends: what else there is begins */
    uint64_t packed;           /* bytes in the archive */
    uint64_t size;             /* bytes when unpacked */
    _Atomic uint64_t data;     /* where its data begins; 0: nobody has looked: hdpy_zip_locate() */
    uint32_t crc;              /* of the unpacked bytes */
    uint32_t modified;         /* seconds since 1970; 0: unknown */
    uint32_t name;             /* where its name begins in that of all names */
    uint32_t name_length;
    uint16_t method;
    unsigned is_encrypted : 1;
    unsigned is_link : 1;      /* a symbolic link: its data is a path */
    unsigned is_renamed : 1;   /* its name is an extra field's, not the header's */
    _Atomic uint8_t is_sound;  /* set by others: its data has been unpacked and compared with crc */
    _Atomic uint8_t is_said;   /* set by others: the log says why it is not served */
} hdpy_zip_member;

typedef struct hdpy_zip hdpy_zip;

/* Read the directory; NULL with the error.  hdpy_zip_free() frees it. */
hdpy_zip *hdpy_zip_read(const hdpy_zip_source *source, hdpy_zip_error *error);
void hdpy_zip_free(hdpy_zip *zip);

/* How many members have names that can be asked for, and how many have not (names.h), with the
 * first one's. */
uint32_t hdpy_zip_count(const hdpy_zip *zip);
uint32_t hdpy_zip_left_out(const hdpy_zip *zip, const char **first);

/* The n-th member in the order of names, for tests. */
hdpy_zip_member *hdpy_zip_at(const hdpy_zip *zip, uint32_t n);
const char *hdpy_zip_name(const hdpy_zip *zip, const hdpy_zip_member *member);

/* The file of a name in UTF-8, or NULL; of several the last. */
hdpy_zip_member *hdpy_zip_find(const hdpy_zip *zip, const char *name, size_t length);

/* Whether a name, without a slash at its end, is a directory's; "" is. */
int hdpy_zip_is_directory(const hdpy_zip *zip, const char *name, size_t length);

/* Find where the member's data begins, and whether the packed bytes are its own: 0 with
 * member->data, an errno of reading, or -1 with the error for what does not add up. */
int hdpy_zip_locate(const hdpy_zip *zip, hdpy_zip_member *member, const hdpy_zip_source *source,
                    hdpy_zip_error *error);

#endif
