/* Set operations of a Phaze device: see set_desk.h. */
#include "proto/phaze_device.h"
#include "set_desk.h"

static const char reset[] =
	"role=server\nlisten_port=0\nfwmark=0\nciphers=chacha20-poly1305,aes-256-gcm\n"
	"demands=password\nrekey_seconds=120\nrekey_packets=1073741824\nkeepalive=10\n"
	"ticket_seconds=604800\nclient_to_client=false\nreplace_push=true\n"
	"ticket_key=0000000000000000000000000000000000000000000000000000000000000000\n"
	"signing_key=0000000000000000000000000000000000000000000000000000000000000000\n"
	"pin=0000000000000000000000000000000000000000000000000000000000000000\n"
	"server_name=x\nreplace_authorities=true\nreplace_revoked=true\nreplace_certificates=true\n"
	"replace_peers=true\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct desk *desk, *copy;
	if (!desk) {
		desk = desk_new_of(1, &phaze_device_ops);
		copy = desk_new_of(1, &phaze_device_ops);
	}
	if (size == 0)
		return 0;
	set_desk_reset(desk, reset);
	set_desk_run(desk, data, size);
	set_desk_reset(copy, reset);
	set_desk_expect_restored(desk, copy);
	return 0;
}
