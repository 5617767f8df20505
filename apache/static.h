/* StaticFiles On: what lies below the section's directory is sent as it is. */
#ifndef HTTPDAPY_STATIC_H
#define HTTPDAPY_STATIC_H

void hdpy_static_register(void);

#endif
