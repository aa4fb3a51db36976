#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/uapi.h"

/*
 * What tells one installation from another that has the same key, for a client whose server shares
 * one with it: made of a secret in the file "instance" of the state folder and the key's identity,
 * so that it stays over restarts, and two servers cannot tell that their client is the same host.
 */

enum { NODE_INSTANCE_SIZE = 8 };

/* Makes the file where there is none. On failure *out_instance is a random one, for this time. */
enum err node_instance_of(const char *state_dir, const uint8_t identity[static TEXT_KEY_SIZE],
						  uint8_t out_instance[static NODE_INSTANCE_SIZE]);

struct node_tunnel;
struct node;

/* The line, for a tunnel that has one; before the other lines of its device. */
void node_instance_put(const struct node *node, const struct node_tunnel *tunnel,
					   struct uapi_text *text);
