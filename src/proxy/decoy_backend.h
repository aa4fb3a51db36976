#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * A connection to the web server behind, for one request (HTTP/1.1, closed afterwards). After
 * decoy_ops.open() its owner makes it, and tells what comes of it; any of these functions may bring
 * decoy_ops.close() about, after which the backend is gone.
 */

struct decoy_backend;

/* The owner's, NULL at first. */
void decoy_backend_set_owner(struct decoy_backend *backend, void *owner);
void *decoy_backend_owner(const struct decoy_backend *backend);

/* It could not be made, or broke. */
void decoy_backend_failed(struct decoy_backend *backend, uint64_t now);
/* It sends no more. */
void decoy_backend_ended(struct decoy_backend *backend, uint64_t now);

/* What is to be sent to it; stays until the next call. */
struct slice decoy_backend_waiting(const struct decoy_backend *backend);
void decoy_backend_sent(struct decoy_backend *backend, uint64_t now, size_t size);

/* How many bytes may come from it, and some that came. */
size_t decoy_backend_room(const struct decoy_backend *backend);
void decoy_backend_put(struct decoy_backend *backend, uint64_t now, const uint8_t *data,
					   size_t size);
