/* What wg(8) sets: what get answers can be set, and then get answers the same; see set_desk.h. */
#include "set_desk.h"

static const char reset[] = "private_key=0000000000000000000000000000000000000000000000000000000000"
							"000000\nlisten_port=0\nfwmark=0\nreplace_peers=true\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct desk *desk, *copy;
	if (!desk) {
		desk = desk_new(1);
		copy = desk_new(1);
	}
	if (size == 0)
		return 0;
	set_desk_reset(desk, reset);
	set_desk_run(desk, data, size);
	char *settings = set_desk_settings(desk);
	set_desk_reset(copy, reset);
	expect(desk_set(copy, settings) == 0);
	set_desk_expect(copy, settings);
	free(settings);
	set_desk_reset(copy, reset);
	set_desk_expect_restored(desk, copy);
	return 0;
}
