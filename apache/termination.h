/* The end of a prefork child is put off until Python is through with the request. */
#ifndef HTTPDAPY_TERMINATION_H
#define HTTPDAPY_TERMINATION_H

/* In each child of a MPM without threads. */
void hdpy_termination_init(void);

/* Around Python: a signal that ends the child takes effect at the end of it. */
void hdpy_termination_defer(void);
void hdpy_termination_resume(void);

#endif
