#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "ctl/view.h"

/*
 * Stands in for ctl/client.c at link time: notes what the daemon is asked, and answers as told. A
 * test's own texts stay its own; the answers are copies.
 */

enum { FAKE_ASKED_SIZE = 8192, FAKE_EVENTS_MAX = 4 };

struct fake_client {
	/* What to answer. */
	enum err open_error;       /* of ctl_client_new() */
	enum err error;            /* of every question, with the code and message */
	unsigned status;           /* of the error; 0: there was no answer */
	const char *code;          /* of the error; NULL: "code" */
	const char *error_message; /* NULL: none */
	int fails_from;            /* the question, from 0, with which the errors begin */
	const char *answer;        /* of ctl_client_ask() and ctl_client_do() */
	bool no_public_key;        /* the tunnel was never up */
	const char *protocol;      /* of the tunnels; NULL: not said */
	bool no_endpoint;          /* the tunnel does not know where clients reach it */
	const char *server;        /* where the one peer of um1 is; NULL: it has none */
	const char *username;      /* that um1 logs in there as; NULL: not said */

	/* What was asked, a line each: "POST /v1/reload", "add um0 phone KEY 10.0.0.2/32 psk". */
	char asked[FAKE_ASKED_SIZE];
	char socket[128];
	int questions, open;
	uint8_t public_key[TEXT_KEY_SIZE], preshared_key[TEXT_KEY_SIZE]; /* of the last peer added */
};

extern struct fake_client fake;

/* Forgets everything. */
void fake_client_reset(void);
