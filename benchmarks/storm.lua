-- The load of wrk: Alertmanager notifications, no two the same unless the mix asks for it.
-- Arguments: a name for this burst, which makes its groups and fingerprints its own, and the mix.

local burst, mix, made
local sent = 0
local started = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 600)
local ended = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 60)
local severities = { "critical", "warning", "error" }

local function instance(group, index)
  if mix == "peers" then return string.format("%s-%d-%d", burst, group, index) end
  return string.format("10.0.%d.%d", group % 250, index)
end

local function alert(group, index, status)
  local severity = severities[group % #severities + 1]
  return string.format(
    '{"status":"%s","labels":{"alertname":"HighErrorRate","cluster":"prod-1","instance":"%s:9100",'
      .. '"job":"node","namespace":"shop","pod":"checkout-%s-%d-%d","severity":"%s"},"annotations":{"summary":'
      .. '"Errors above five percent on checkout-%d","description":"More than five percent of the requests of the last '
      .. 'five minutes failed.","runbook_url":"https://example.org/runbooks/high-error-rate"},"startsAt":"%s",'
      .. '"endsAt":"%s","generatorURL":"http://prometheus:9090/graph?g0.expr=errors&g0.tab=1","fingerprint":"%s-%d-%d"}',
    status, instance(group, index), burst, group, index, severity, group, started,
    status == "resolved" and ended or "0001-01-01T00:00:00Z", burst, group, index)
end

local function body(group, alerts, status)
  local told = {}
  for index = 1, alerts do told[index] = alert(group, index, status) end
  return string.format(
    '{"version":"4","groupKey":"{}:{pod=\\"checkout-%s-%d\\"}","truncatedAlerts":0,"status":"%s","receiver":"mttx",'
      .. '"groupLabels":{"pod":"checkout-%d"},"commonLabels":{"alertname":"HighErrorRate"},"commonAnnotations":{},'
      .. '"externalURL":"http://alertmanager:9093","alerts":[%s]}',
    burst, group, status, group, table.concat(told, ","))
end

local mixes = {
  -- Every notification is of a new group: the worst hour of an alert storm.
  storm = function(n) return body(n, 1, "firing") end,
  -- The same for a server that knows an alert by its instance and fewer severities.
  peers = function(n) return body(n, 1, "firing") end,
  -- The life of a group in four notifications: it fires, is repeated, grows by two alerts, and resolves.
  mixed = function(n)
    local group, step = math.floor(n / 4), n % 4
    if step <= 1 then return body(group, 2, "firing") end
    if step == 2 then return body(group, 4, "firing") end
    return body(group, 4, "resolved")
  end,
}

function init(args)
  burst, mix = args[1], args[2]
  made = mixes[mix]
  if mix == "peers" then severities = { "critical", "warning" } end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  local text = made(sent)
  sent = sent + 1
  return wrk.format(nil, nil, nil, text)
end

function done(summary, latency, requests)
  io.write(string.format(
    '\n{"answers":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
