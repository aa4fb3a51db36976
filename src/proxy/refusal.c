#include "proxy/refusal.h"

#include "wire/stream_frame.h"

static const struct {
	enum socks5_reply reply;
	struct refusal_page page;
} rows[REFUSAL_COUNT] = {
	[REFUSAL_INTERNAL] = {SOCKS5_FAILED,
						  {500, "Internal Server Error", "This proxy is out of resources."}},
	[REFUSAL_CARRIER] = {SOCKS5_NETWORK_UNREACHABLE,
						 {503, "Service Unavailable",
						  "The tunnel is not connected to its server now; try again shortly."}},
	[REFUSAL_NOT_ALLOWED] = {SOCKS5_NOT_ALLOWED,
							 {403, "Forbidden",
							  "The tunnel's server does not let you connect to there."}},
	[REFUSAL_UNREACHABLE] = {SOCKS5_HOST_UNREACHABLE,
							 {502, "Bad Gateway",
							  "The tunnel's server could not connect to there: there is no such "
							  "name, nobody answered, or the connection was refused."}},
	[REFUSAL_TIMEOUT] = {SOCKS5_TTL_EXPIRED,
						 {504, "Gateway Timeout", "The connection to there took too long."}},
	[REFUSAL_BUSY] = {SOCKS5_FAILED,
					  {503, "Service Unavailable",
					   "The tunnel's server asks for fewer connections; try again shortly."}},
	[REFUSAL_TARGET] = {SOCKS5_FAILED,
						{502, "Bad Gateway",
						 "The server there broke off, or its answer is no HTTP/1.1."}},
	[REFUSAL_REQUEST] = {SOCKS5_FAILED, {400, "Bad Request", "The request cannot be understood."}},
	[REFUSAL_NO_PROXY] = {SOCKS5_FAILED,
						  {400, "Bad Request",
						   "This is a proxy, not a web site: enter its address in the proxy "
						   "settings of a browser or program."}},
	[REFUSAL_SCHEME] = {SOCKS5_FAILED,
						{400, "Bad Request",
						 "This proxy passes on requests for http:// only; CONNECT serves for the "
						 "others."}},
	[REFUSAL_PASSWORD] = {SOCKS5_NOT_ALLOWED,
						  {407, "Proxy Authentication Required",
						   "This proxy asks for a name and a password."}},
	[REFUSAL_HEAD_SIZE] = {SOCKS5_FAILED,
						   {431, "Request Header Fields Too Large",
							"The request's head is larger than this proxy takes."}},
	[REFUSAL_METHOD] = {SOCKS5_FAILED,
						{501, "Not Implemented", "This proxy does not pass on that method."}},
	[REFUSAL_VERSION] = {SOCKS5_FAILED,
						 {505, "HTTP Version Not Supported",
						  "This proxy speaks HTTP/1.1 and HTTP/1.0."}},
	[REFUSAL_SLOW] = {SOCKS5_FAILED, {408, "Request Timeout", "The request did not come in time."}},
};

enum refusal refusal_of_stream(uint32_t error) {
	switch (error) {
	case STREAM_ERROR_REFUSED_STREAM:
		return REFUSAL_NOT_ALLOWED;
	case STREAM_ERROR_ENHANCE_YOUR_CALM:
		return REFUSAL_BUSY;
	case STREAM_ERROR_INTERNAL:
		return REFUSAL_INTERNAL;
	case STREAM_ERROR_PROTOCOL:
	case STREAM_ERROR_FLOW_CONTROL:
	case STREAM_ERROR_FRAME_SIZE:
		return REFUSAL_CARRIER;
	default:
		/* CONNECT_ERROR; and a stream that ends, however, before there is a connection. */
		return REFUSAL_UNREACHABLE;
	}
}

enum socks5_reply refusal_socks5(enum refusal refusal) {
	return rows[refusal].reply;
}

const struct refusal_page *refusal_page(enum refusal refusal) {
	return &rows[refusal].page;
}
