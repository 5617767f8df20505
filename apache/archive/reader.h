/* Reads a member, or unpacks it, from any place on, and compares what it reads from the beginning
 * to the end with the member's sum. */
#ifndef HTTPDAPY_READER_H
#define HTTPDAPY_READER_H

#include "version.h"

/* From malloc().  Used by one thread at a time; no Apache in here. */
typedef struct hdpy_reader hdpy_reader;

/* Of a member that hdpy_zip_locate() has found; NULL if there is no memory.  unpacks: else it reads
 * the bytes in the archive. */
hdpy_reader *hdpy_reader_new(hdpy_version *version, hdpy_zip_member *member, int unpacks);
void hdpy_reader_free(hdpy_reader *reader);

/* So many bytes from there on: 0, or the failure: -1 for what is wrong with the member, an errno,
 * or HDPY_CHANGED.  The last bytes come only if all is right, as far as it was read.  After a
 * failure there is nothing more. */
int hdpy_reader_read(hdpy_reader *reader, unsigned char *data, size_t length, uint64_t offset);

/* The bytes where they are, if they need not be looked at; else NULL. */
const unsigned char *hdpy_reader_in_memory(const hdpy_reader *reader, uint64_t offset);

/* What was wrong, and with what. */
const hdpy_zip_error *hdpy_reader_error(const hdpy_reader *reader);
const hdpy_version *hdpy_reader_version(const hdpy_reader *reader);
const hdpy_zip_member *hdpy_reader_member(const hdpy_reader *reader);

#endif
