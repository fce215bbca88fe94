// What the page says, in English and Chinese.
import { percent, seconds, nanos, rate, count, lasted, useUnits } from './format.js';

const en = {
  overview: 'Overview', quality: 'Quality',
  allWell: 'All is well', noCalls: 'No calls yet', firstWhole: 'Waiting for the first whole period', silent: 'Nobody calls at the moment', tooFew: 'Too few calls to tell', waiting: 'Waiting for the first period',
  incidentsOpen: (n) => (n === 1 ? '1 incident is open' : `${n} incidents are open`),
  pendingOnly: (n) => (n === 1 ? '1 operation misses its objective' : `${n} operations miss their objectives`),
  recovering: 'Getting well',
  operations: (n) => (n === 1 ? '1 operation' : `${count(n)} operations`),
  callsPerSecond: (v) => `${rate(v)} calls/s`, failedShare: (v) => `${percent(v)} failed`, noneFailed: 'none failed',
  period: (d) => `judged every ${d}`, lastPeriod: (a, b) => `last period ${a} – ${b}`,
  nextIn: (s) => `next in ${s}`, firstEnds: (t) => `The first period ends at ${t}.`, wholeEnds: (t) => `judged for the first time at ${t}`,
  live: 'live', reconnecting: 'connection lost, trying again', ended: 'The monitor was shut down. Nothing changes any more.',
  hourTitle: 'All operations, the last hour', recentTitle: (d) => `All operations, the last ${d}`,
  calls: 'calls', failures: 'failures', cancelled: 'cancelled', succeed: 'succeed', inFlight: 'in flight', codes: 'codes',
  incidents: 'Incidents', openIncidents: 'Open incidents', pastIncidents: 'Past incidents', noPast: 'No incident in memory.',
  since: (t) => `since ${t}`, for: (d) => `for ${d}`, explains: (n) => (n === 1 ? 'explains 1 more alert' : `explains ${n} more alerts`),
  root: 'root cause', ongoing: 'ongoing', lastedFor: (d) => `lasted ${d}`,
  state: 'State', states: { firing: 'firing', recovering: 'recovering', pending: 'pending', good: 'good', unknown: 'too few calls', idle: 'idle', resolved: 'resolved', lost: 'end not seen' },
  stateAll: 'any state', serviceAll: 'any service', kindAll: 'any kind',
  operation: 'Operation', success: 'Success', latency: 'Latency', p50: 'p50', p95: 'p95', p99: 'p99', perSecond: 'Calls/s', flight: 'In flight', own: 'Own time',
  search: 'Filter operations', shown: (n, all) => (n === all ? `${count(all)}` : `${count(n)} of ${count(all)}`), none: 'No operation fits.', clear: 'Clear the filter',
  sortBy: (c) => `Sort by ${c}`, worstFirst: 'Worst first', kind: 'Kind', service: 'Service',
  back: 'Back to the overview', notFound: 'Nothing is known of it (any more).',
  began: 'Began', alerted: 'Alerted', over: 'Ended', duration: 'Duration', worst: 'At worst', target: 'Target', after: (d) => `after ${d}`,
  whereFrom: 'Where it comes from', graphHint: 'Who waits for whom. The share says how many of the bad calls go back to it.',
  whatHappened: 'What happened', wentWrong: 'What went wrong', failuresByCode: 'Failures by code', lookUp: 'Calls to look up', evidence: 'The periods that led to the alert',
  shared: 'What the bad calls share', told: 'Who was told',
  others: 'others', network: 'the way there', noCode: 'no code', trace: 'Trace', code: 'Code', took: 'Took', when: 'At', why: 'Why', copy: 'Copy', copied: 'Copied', sampled: 'exported', unsampled: 'not exported',
  failed: 'failed', slow: 'slow', stuck: 'stuck',
  events: { bad: 'first bad period', fired: 'alert', repeat: 'still firing', resolved: 'resolved', lost: 'end not seen' },
  successChart: 'Success ratio', latencyChart: 'Latency', callsChart: 'Calls', usual: 'usual', withinChart: 'Within the latency target',
  heat: 'How many calls took how long. Darker is more.', heatDark: 'How many calls took how long. Brighter is more.',
  expected: 'What is expected', objective: 'Objective', verdict: 'Last period', phase: 'Stands',
  kinds: { availability: 'Availability', latency: 'Latency', traffic: 'Traffic', stuck: 'Stuck calls', burn_rate: 'Error budget', degradation: 'As usual' },
  verdicts: { none: 'not judged', good: 'met', bad: 'missed', insufficient: 'too few calls' }, phases: { normal: 'normal', pending: 'pending', firing: 'firing', recovering: 'recovering' },
  alertRule: (n, m) => `alerts after ${n} bad, resolves after ${m} good periods`,
  range: 'Range', hour: '1 h', history: 'History', monitor: 'The monitor itself',
  received: 'reports received', dropped: 'dropped', late: 'late', overflowed: 'without a place of their own', undelivered: 'notifications not delivered', undeliveredPeriods: 'periods not delivered', missed: 'periods missed', lag: 'behind', sampledNote: (p) => `A sampler lets only about ${p} of the traces through; the others are never judged.`, began2: (t) => `this page remembers since ${t}`,
  language: '中文', themeLabel: (t) => `Theme: ${t}`, themes: { auto: 'auto', light: 'light', dark: 'dark' },
  keys: 'Keys', keyList: [['/', 'filter'], ['↑ ↓ or j k', 'choose an operation'], ['Enter', 'open it'], ['Esc', 'back'], ['t', 'theme'], ['l', 'language'], ['?', 'this help']],
  close: 'Close', noIncidents: 'No incident is open.', more: (n) => `and ${n} more`, periods: (n) => `${n} periods`, noData: 'No data in this time.', skip: 'Skip to the operations',
  outOfMemory: 'It is longer ago than this page remembers; the evidence below is what the alert kept.',
  changed: 'What is no longer as usual', changeKinds: { own_time: 'own time', network_time: 'time on the way', failures: 'failed', silence: 'no call' }, usually: (v) => `usually ${v}`, within: (v) => `usually within ${v}`, sinceThen: 'Since', flaps: (n) => `missed anew ${n} times`, endings: { recovered: 'recovered', accepted: 'stayed so long that it is usual now', uncalled: 'nobody calls it any more', switched_off: 'no longer judged', flapping: 'stopped flapping' },
  silence: 'Silence', silenceFor: 'Silence for', silenceWhy: 'Why (optional)', silenced: (t) => `silenced until ${t}`, silenceFailed: 'It was not silenced', cancel: 'Cancel', total: 'total',
  until: 'Until', now: 'Now', ranges: { 21600: '6 h', 86400: '24 h', 604800: '7 d', 2592000: '30 d' }, readFailed: 'The store did not answer.',
  budget: 'Error budget of 30 days', budgetLeft: (p) => `${p} left`, budgetGone: 'used up', burn: (v) => `${v}× as fast as it may`, burnTitle: 'It burns', burnOver: { minutes_5: 'over 5 min', minutes_30: 'over 30 min', hour_1: 'over 1 h', hours_6: 'over 6 h' },
  settings: 'Settings', value: 'Value', setBy: 'Set by', origins: { default: 'default', objective: 'the objective of all operations', runtime: 'set while it ran' }, api: 'JSON API', callsIn: 'calls in', oldest: (d) => `oldest ${d}`,
};

const zh = {
  overview: '总览', quality: '质量',
  allWell: '一切正常', noCalls: '尚无调用', firstWhole: '等待第一个完整周期', silent: '目前没有调用', tooFew: '调用太少，无法判断', waiting: '等待第一个周期',
  incidentsOpen: (n) => `${n} 个故障未恢复`,
  pendingOnly: (n) => `${n} 个操作未达目标`,
  recovering: '正在恢复',
  operations: (n) => `${count(n)} 个操作`,
  callsPerSecond: (v) => `每秒 ${rate(v)} 次调用`, failedShare: (v) => `${percent(v)} 失败`, noneFailed: '无失败',
  period: (d) => `每 ${d} 判定一次`, lastPeriod: (a, b) => `上一周期 ${a} – ${b}`,
  nextIn: (s) => `${s} 后更新`, firstEnds: (t) => `第一个周期于 ${t} 结束。`, wholeEnds: (t) => `${t} 首次判定`,
  live: '实时', reconnecting: '连接中断，正在重试', ended: '监控已停止，页面不再变化。',
  hourTitle: '全部操作，最近一小时', recentTitle: (d) => `全部操作，最近 ${d}`,
  calls: '调用', failures: '失败', cancelled: '已取消', succeed: '成功', inFlight: '进行中', codes: '状态码',
  incidents: '故障', openIncidents: '未恢复的故障', pastIncidents: '已结束的故障', noPast: '没有记录到故障。',
  since: (t) => `自 ${t} 起`, for: (d) => `已持续 ${d}`, explains: (n) => `由此引起另外 ${n} 个告警`,
  root: '根因', ongoing: '仍在持续', lastedFor: (d) => `持续 ${d}`,
  state: '状态', states: { firing: '告警中', recovering: '恢复中', pending: '待定', good: '正常', unknown: '调用太少', idle: '空闲', resolved: '已恢复', lost: '未见结束' },
  stateAll: '全部状态', serviceAll: '全部服务', kindAll: '全部类型',
  operation: '操作', success: '成功率', latency: '延迟', p50: 'p50', p95: 'p95', p99: 'p99', perSecond: '次/秒', flight: '进行中', own: '自身耗时',
  search: '筛选操作', shown: (n, all) => (n === all ? `${count(all)}` : `${count(n)} / ${count(all)}`), none: '没有符合的操作。', clear: '清除筛选',
  sortBy: (c) => `按${c}排序`, worstFirst: '最差的在前', kind: '类型', service: '服务',
  back: '返回总览', notFound: '没有（或不再有）相关记录。',
  began: '开始', alerted: '告警', over: '结束', duration: '持续', worst: '最差', target: '目标', after: (d) => `${d} 后`,
  whereFrom: '来自哪里', graphHint: '谁在等谁。百分比表示多少异常调用可归因于它。',
  whatHappened: '经过', wentWrong: '异常详情', failuresByCode: '按状态码统计的失败', lookUp: '可查的调用', evidence: '导致告警的周期',
  shared: '异常调用的共同点', told: '通知了谁',
  others: '其他', network: '网络途中', noCode: '无状态码', trace: 'Trace', code: '状态码', took: '耗时', when: '时间', why: '原因', copy: '复制', copied: '已复制', sampled: '已导出', unsampled: '未导出',
  failed: '失败', slow: '慢', stuck: '卡住',
  events: { bad: '首个异常周期', fired: '告警', repeat: '仍在告警', resolved: '恢复', lost: '未见结束' },
  successChart: '成功率', latencyChart: '延迟', callsChart: '调用', usual: '通常', withinChart: '延迟达标率',
  heat: '多少调用花了多长时间，颜色越深越多。', heatDark: '多少调用花了多长时间，颜色越亮越多。',
  expected: '期望', objective: '目标项', verdict: '上一周期', phase: '当前',
  kinds: { availability: '可用性', latency: '延迟', traffic: '流量', stuck: '卡住的调用', burn_rate: '错误预算', degradation: '与平时相比' },
  verdicts: { none: '未判定', good: '达标', bad: '未达标', insufficient: '调用太少' }, phases: { normal: '正常', pending: '待定', firing: '告警中', recovering: '恢复中' },
  alertRule: (n, m) => `连续 ${n} 个异常周期告警，连续 ${m} 个正常周期恢复`,
  range: '范围', hour: '1 小时', history: '历史', monitor: '监控自身',
  received: '条上报', dropped: '丢弃', late: '迟到', overflowed: '未单独统计', undelivered: '条通知未送达', undeliveredPeriods: '个周期未送达', missed: '个周期错过', lag: '滞后', sampledNote: (p) => `采样器只放行约 ${p} 的 trace，其余从未被判定。`, began2: (t) => `页面自 ${t} 起记录`,
  language: 'EN', themeLabel: (t) => `主题：${t}`, themes: { auto: '跟随系统', light: '浅色', dark: '深色' },
  keys: '快捷键', keyList: [['/', '筛选'], ['↑ ↓ 或 j k', '选择操作'], ['Enter', '打开'], ['Esc', '返回'], ['t', '主题'], ['l', '语言'], ['?', '本帮助']],
  close: '关闭', noIncidents: '没有未恢复的故障。', more: (n) => `另有 ${n} 个`, periods: (n) => `${n} 个周期`, noData: '这段时间没有数据。', skip: '跳到操作列表',
  outOfMemory: '时间已超出页面的记录；下方是告警保留的证据。',
  changed: '与平时不同之处', changeKinds: { own_time: '自身耗时', network_time: '途中耗时', failures: '失败', silence: '没有调用' }, usually: (v) => `平时 ${v}`, within: (v) => `平时不超过 ${v}`, sinceThen: '自', flaps: (n) => `又未达标 ${n} 次`, endings: { recovered: '已恢复', accepted: '持续太久，已成为常态', uncalled: '不再有人调用', switched_off: '不再判定', flapping: '不再反复' },
  silence: '静默', silenceFor: '静默', silenceWhy: '原因（可不填）', silenced: (t) => `静默至 ${t}`, silenceFailed: '静默失败', cancel: '取消', total: '合计',
  until: '截至', now: '现在', ranges: { 21600: '6 小时', 86400: '24 小时', 604800: '7 天', 2592000: '30 天' }, readFailed: '存储没有回应。',
  budget: '30 天错误预算', budgetLeft: (p) => `剩余 ${p}`, budgetGone: '已用完', burn: (v) => `允许速度的 ${v} 倍`, burnTitle: '消耗速度', burnOver: { minutes_5: '5 分钟', minutes_30: '30 分钟', hour_1: '1 小时', hours_6: '6 小时' },
  settings: '设置', value: '值', setBy: '来自', origins: { default: '默认值', objective: '全部操作的目标', runtime: '运行时设置' }, api: 'JSON API', callsIn: '次调用，', oldest: (d) => `最久 ${d}`,
};

const languages = { en, zh };

// t holds the texts of the language in use.
export let t = en;
export let language = 'en';

// useLanguage takes the language that was chosen, or the first of the browser's that there is.
export function useLanguage(chosen) {
  const wanted = [chosen, ...navigator.languages].filter(Boolean).map((l) => l.slice(0, 2).toLowerCase());
  language = wanted.find((l) => languages[l]) || 'en';
  t = languages[language];
  if (language === 'zh') useUnits('天', '小时', '分', '秒');
  else useUnits('d', 'h', 'min', 's');
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
}

// measured says what an alert measured and what was expected. Kinds that this page does not know
// are told in the words of the alert itself.
export function measured(a, value = a.actual) {
  const z = language === 'zh';
  const target = a.target;
  switch (a.objective) {
    case 'availability':
      return z ? `${percent(value, target)} 成功（目标 ${percent(target)}）` : `${percent(value, target)} succeed (target ${percent(target)})`;
    case 'latency': {
      const limit = nanos(a.latency_target_ns);
      return z ? `${percent(value, target)} 的成功调用在 ${limit} 内（目标 ${percent(target)}）` : `${percent(value, target)} of successful calls within ${limit} (target ${percent(target)})`;
    }
    case 'traffic':
      return z ? `每周期 ${number(value)} 次调用（至少应有 ${number(target)} 次）` : `${number(value)} calls a period (at least ${number(target)} expected)`;
    case 'stuck':
      return z ? `最久的进行中调用已 ${seconds(value)}（超过 ${seconds(target)} 视为卡住）` : `oldest call in flight for ${seconds(value)} (stuck after ${seconds(target)})`;
    case 'burn_rate':
      return z ? `错误预算以 ${number(value)} 倍速度消耗（上限 ${number(target)} 倍）` : `error budget burns at ${number(value)}x (limit ${number(target)}x)`;
  }
  return a.headline;
}

// valueText writes a value of what an alert is about with its unit.
export function valueText(a, value) {
  switch (a.objective) {
    case 'availability': case 'latency': return percent(value, a.target);
    case 'stuck': return seconds(value);
    case 'burn_rate': return `${number(value)}x`;
    case 'traffic': return number(value);
  }
  return number(value);
}

// causeText says what caused most of the bad calls, or nothing.
export function causeText(a) {
  const c = a.cause;
  if (!c || !(c.share > 0)) return '';
  const z = language === 'zh';
  const what = a.objective === 'latency' ? (z ? '慢调用' : 'slow calls') : (z ? '失败' : 'failures');
  let name = c.operation;
  if (c.code === '_NETWORK') name = z ? `到 ${c.service} 的网络（${c.operation}）` : `the network to ${c.service} (${c.operation})`;
  else {
    if (c.service && c.service !== a.service) name = z ? `${c.service} 的 ${c.operation}` : `${c.operation} of ${c.service}`;
    if (a.objective !== 'latency' && c.code) name += ` [${c.code}]`;
  }
  return z ? `${percent(c.share)} 的${what}来自 ${name}` : `${percent(c.share)} of ${what} caused by ${name}`;
}

function number(v) {
  if (v === 0) return '0';
  return String(Number(Math.abs(v) < 100 ? v.toPrecision(3) : Math.round(v)));
}

export { lasted };
