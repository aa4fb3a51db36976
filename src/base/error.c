#include "base/error.h"

#include <errno.h>

#define ERR_TEXT(name, text) [name] = text,
static const char *const texts[ERR_COUNT] = {ERR_MAP(ERR_TEXT)};

#define ERR_NAME(name, text) [name] = #name,
static const char *const names[ERR_COUNT] = {ERR_MAP(ERR_NAME)};

const char *err_text(enum err error) {
	return (unsigned)error < ERR_COUNT ? texts[error] : "unknown error";
}

const char *err_name(enum err error) {
	return (unsigned)error < ERR_COUNT ? names[error] : "ERR_UNKNOWN";
}

enum err err_from_errno(int number) {
	switch (number) {
	case 0:
		return ERR_OK;
	case ENOMEM:
		return ERR_NO_MEMORY;
	case EINVAL:
		return ERR_INVALID;
	case EAGAIN:
	case EINTR:
		return ERR_AGAIN;
	case EADDRINUSE:
		return ERR_ADDRESS_IN_USE;
	case EACCES:
	case EPERM:
		return ERR_PERMISSION;
	case ENOENT:
		return ERR_NOT_FOUND;
	case EEXIST:
	case EBUSY:
		return ERR_EXISTS;
	case ENODEV:
	case ENXIO:
		return ERR_NO_DEVICE;
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case ENOPROTOOPT:
	case ENOSYS:
		return ERR_UNSUPPORTED;
	case EMFILE:
	case ENFILE:
		return ERR_TOO_MANY_FILES;
	case EROFS:
		return ERR_READ_ONLY;
	case ENOTDIR:
	case EISDIR:
	case ENOTTY:
	case ENOTSOCK:
		return ERR_WRONG_KIND;
	case ENOSPC:
		return ERR_NO_SPACE;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return ERR_UNREACHABLE;
	case EPIPE:
	case ECONNRESET:
		return ERR_CLOSED;
	default:
		return ERR_IO;
	}
}
