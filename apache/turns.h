/* How many requests run in Python at once: PythonThreads. */
#ifndef HTTPDAPY_TURNS_H
#define HTTPDAPY_TURNS_H

/* In each child, before its threads run.  number: of PythonThreads; 0: as many as there are threads. */
void hdpy_turns_init(unsigned number);

/* Around what runs a request in Python: the first waits for a turn. */
void hdpy_turn_begin(void);
void hdpy_turn_end(void);

#endif
