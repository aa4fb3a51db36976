#pragma once

#include <stdint.h>

/*
 * Enters the sandbox of "net" or "control", or none, and tries one thing. Returns 0 when it was
 * done, 1 when it was refused, more when it could not be tried.
 */
int attacks_main(const char *process, const char *name, const char *argument);

/* No attack: what a tunnel of streams does all the time, with a socket and one that listens. -1 and
 * errno where the sandbox refuses some of it. */
long attacks_run_streams(int descriptor, int listener, uint16_t port);
