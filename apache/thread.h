/* Threads of the link's own. */
#ifndef HTTPDAPY_THREAD_H
#define HTTPDAPY_THREAD_H

#include <pthread.h>

/* Start a thread that leaves signals to Apache's; false if there is none.
 *
 * A child wakes its main thread by a SIGTERM to itself, which the kernel gives to any thread that takes
 * it: that one's sleep would end early, too. */
int hdpy_thread_start(pthread_t *thread, void *(*run)(void *), void *data);

#endif
