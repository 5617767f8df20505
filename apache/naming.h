/* Which interpreter a request belongs to: the whole policy, without Apache. */
#ifndef HTTPDAPY_NAMING_H
#define HTTPDAPY_NAMING_H

#include <stddef.h>

/* Longest name, with its final zero: a path and a replica's number. */
#define HDPY_NAME_SIZE (4096 + 16)

/* Write the interpreter's name into `name` and return it, or NULL when it does not fit.
 *
 * directory  canonical directory of the script, absolute, without a final slash
 * forced     value of PythonInterpreter, or NULL
 * replicas   how many interpreters share the work, 1 or more
 * thread     number of the thread that runs, from 0
 *
 * The empty name is the main interpreter, of which there is one.  Replica 0 has the plain name, so
 * that <Files> sections with different numbers share it; the others append "//" and their number,
 * which no canonical path contains. */
char *hdpy_interpreter_name(char *name, size_t size, const char *directory, const char *forced,
                            unsigned replicas, unsigned thread);

/* How many replicas a directory gets.
 *
 * configured  value of PythonReplicas: 0 for auto
 * cores       processors of the machine
 * threads     worker threads of this process
 * own_gil     whether each interpreter has a lock of its own; without it replicas only cost memory
 */
unsigned hdpy_replica_count(unsigned configured, unsigned cores, unsigned threads, int own_gil);

/* Return NULL if `name` may be given to PythonInterpreter, or what is wrong with it. */
const char *hdpy_name_error(const char *name);

#endif
