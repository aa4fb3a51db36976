#pragma once

/*
 * The one error type of the project: 0 is success, every other value has a name and a text.
 * Lower layers return it, the daemon and the tool turn it into a line for a person.
 */

/*        name                 text for a person                                   */
#define ERR_MAP(X)                                                            \
	X(ERR_OK, "success")                                                      \
	X(ERR_NO_MEMORY, "out of memory")                                         \
	X(ERR_INVALID, "invalid value")                                           \
	X(ERR_TRUNCATED, "message is truncated")                                  \
	X(ERR_TRAILING, "message has trailing bytes")                             \
	X(ERR_MALFORMED, "message is malformed")                                  \
	X(ERR_UNSUPPORTED, "not supported here")                                  \
	X(ERR_CRYPTO, "cryptographic operation failed")                           \
	X(ERR_AUTHENTICATION, "authentication failed")                            \
	X(ERR_REPLAY, "replayed or too old")                                      \
	X(ERR_EXPIRED, "key or session has expired")                              \
	X(ERR_LIMIT, "a limit is reached")                                        \
	X(ERR_RATE_LIMITED, "rate limited")                                       \
	X(ERR_COOKIE_REQUIRED, "a cookie is required")                            \
	X(ERR_NOT_FOUND, "not found")                                             \
	X(ERR_EXISTS, "exists already")                                           \
	X(ERR_AGAIN, "try again later")                                           \
	X(ERR_ADDRESS_IN_USE, "address or port is already in use")                \
	X(ERR_PERMISSION, "permission denied")                                    \
	X(ERR_NO_DEVICE, "no such device")                                        \
	X(ERR_TOO_MANY_FILES, "too many open files, raise the limit (ulimit -n)") \
	X(ERR_READ_ONLY, "read-only file system")                                 \
	X(ERR_WRONG_KIND, "not the kind of file that is needed")                  \
	X(ERR_NO_SPACE, "no space left")                                          \
	X(ERR_CLOSED, "closed by the other side")                                 \
	X(ERR_UNREACHABLE, "no route to there")                                   \
	X(ERR_IO, "input/output error")

#define ERR_ENUM(name, text) name,
enum [[nodiscard]] err{ERR_MAP(ERR_ENUM) ERR_COUNT};
#undef ERR_ENUM

/* A static text such as "authentication failed"; never NULL, whatever the value. */
const char *err_text(enum err error);

/* The symbol's name such as "ERR_AUTHENTICATION"; never NULL. */
const char *err_name(enum err error);

/* The nearest error for an errno value; ERR_IO where none is nearer, ERR_OK for 0. */
enum err err_from_errno(int number);
