#pragma once

#include <stddef.h>

#include "base/error.h"
#include "host/firewall.h"

/* The nft program. */

enum { FIREWALL_NFT_TIMEOUT = 10 }; /* seconds, after which it is ended */

/* Whether there is one, in the system's own folders; ERR_NOT_FOUND with a problem. */
enum err firewall_nft_find(char out_problem[static FIREWALL_PROBLEM_SIZE]);

/*
 * Runs it with text as its JSON input, without a shell, our environment or our descriptors. What it
 * says on failure becomes the problem. ERR_NOT_FOUND, ERR_EXPIRED, ERR_IO.
 */
enum err firewall_nft_run(const char *text, size_t size,
						  char out_problem[static FIREWALL_PROBLEM_SIZE]);

/* The same with any program instead of nft, and another time in milliseconds: for tests. */
enum err firewall_nft_run_program(char *const arguments[], const char *text, size_t size,
								  int milliseconds, char out_problem[static FIREWALL_PROBLEM_SIZE]);
