#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/refusal.h"
#include "wire/stream_frame.h"

/* Each has words for both protocols. */
static void is_whole(void **state) {
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		const struct refusal_page *page = refusal_page((enum refusal)i);
		assert_true(page->status >= 400 && page->status < 600);
		assert_true(page->reason && strlen(page->reason) > 0 && !strpbrk(page->reason, "\r\n"));
		assert_true(page->text && page->text[strlen(page->text) - 1] == '.');
		enum socks5_reply reply = refusal_socks5((enum refusal)i);
		assert_true(reply >= SOCKS5_FAILED && reply <= SOCKS5_TTL_EXPIRED);
	}
}

static void of_streams(void **state) {
	static const struct {
		uint32_t error;
		unsigned status;
		uint8_t reply;
	} rows[] = {
		{STREAM_ERROR_NONE, 502, 4},
		{STREAM_ERROR_PROTOCOL, 503, 3},
		{STREAM_ERROR_INTERNAL, 500, 1},
		{STREAM_ERROR_FLOW_CONTROL, 503, 3},
		{STREAM_ERROR_STREAM_CLOSED, 502, 4},
		{STREAM_ERROR_FRAME_SIZE, 503, 3},
		{STREAM_ERROR_REFUSED_STREAM, 403, 2},
		{STREAM_ERROR_CANCEL, 502, 4},
		{STREAM_ERROR_CONNECT, 502, 4},
		{STREAM_ERROR_ENHANCE_YOUR_CALM, 503, 1},
		{4711, 502, 4},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum refusal refusal = refusal_of_stream(rows[i].error);
		assert_int_equal(refusal_page(refusal)->status, rows[i].status);
		assert_int_equal(refusal_socks5(refusal), rows[i].reply);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_whole),
		cmocka_unit_test(of_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
