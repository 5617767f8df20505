/* Reads a member, or unpacks it, from any place on, and compares what it reads from the beginning to the
 * end with the member's sum. */
#ifndef HTTPDAPY_READER_H
#define HTTPDAPY_READER_H

#include "httpd.h"

#include "version.h"

/* From malloc(), since buckets outlive requests.  Used by one thread at a time. */
typedef struct hdpy_reader hdpy_reader;

/* Of a member that hdpy_zip_locate() has found.  unpacks: else it reads the bytes in the archive. */
hdpy_reader *hdpy_reader_new(hdpy_version *version, hdpy_zip_member *member, int unpacks,
                             server_rec *server);
hdpy_reader *hdpy_reader_hold(hdpy_reader *reader);
void hdpy_reader_release(hdpy_reader *reader);

/* The connection that is closed when reading fails, for as long as its handler runs; then NULL. */
void hdpy_reader_set_connection(hdpy_reader *reader, conn_rec *c);

/* So many bytes from there on: 0, or the failure, which is logged: -1 for what is wrong with the member, an
 * errno, or HDPY_CHANGED.  The last bytes come only if all is right, as far as it was read. */
int hdpy_reader_read(hdpy_reader *reader, unsigned char *data, size_t length, uint64_t offset);

/* The bytes where they are, if they need not be looked at; else NULL. */
const unsigned char *hdpy_reader_in_memory(const hdpy_reader *reader, uint64_t offset, size_t length);

const hdpy_zip_error *hdpy_reader_error(const hdpy_reader *reader);

#endif
