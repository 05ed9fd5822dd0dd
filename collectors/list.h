/* collectors/list.h -- one line per metric store. */
COLLECTOR(atlas)
COLLECTOR(datadog)
COLLECTOR(newrelic)
COLLECTOR(signalfx)
COLLECTOR(prometheus)
COLLECTOR(graphite)
COLLECTOR(influxdb)
COLLECTOR(wavefront)
