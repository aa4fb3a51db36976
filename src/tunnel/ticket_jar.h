#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Tickets of TLS that a client has of its server: few, in memory alone, each used once and the
 * newest first, as a browser does. Tickets speak for a certificate that was checked, so whoever
 * checks another way, or another server, clears the jar.
 */

enum { TICKET_JAR_MAX = 2 }; /* Chromium keeps as many for a site */

struct tls;

struct ticket {
	uint8_t *bytes;
	size_t size; /* 0: there is none */
};

/* Zeroed is empty. */
struct ticket_jar {
	struct ticket tickets[TICKET_JAR_MAX]; /* the newest first */
};

/* What the server has sent; of more than fit, the oldest go. */
void ticket_jar_collect(struct ticket_jar *jar, struct tls *tls);
/* The newest, which is the caller's then. */
struct ticket ticket_jar_take(struct ticket_jar *jar);
void ticket_jar_clear(struct ticket_jar *jar);

/* Wiped. */
void ticket_done(struct ticket *ticket);
