#include "daemon/device.h"
#include "daemon/programs.h"

int main(int count, char **arguments) {
	return programs_run(count, arguments, &device_ops);
}
