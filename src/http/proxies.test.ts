import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { proxyFor } from './proxies.ts'

const PROXIES = { http: 'http://proxy.example:3128', https: 'proxy.example:3129' }

function through(url: string, no?: string): string | undefined {
  return proxyFor(new URL(url), { ...PROXIES, no })?.href
}

test('each scheme has its proxy, and one without a scheme is of http', () => {
  assert.equal(through('http://a.example/x'), 'http://proxy.example:3128/')
  assert.equal(through('https://a.example/x'), 'http://proxy.example:3129/')
  assert.equal(proxyFor(new URL('http://a.example'), { https: 'http://p' }), undefined)
  assert.equal(proxyFor(new URL('http://a.example'), { http: '' }), undefined)
})

test('this machine is reached without', () => {
  for (const url of ['http://localhost:5000/', 'http://127.8.9.1/', 'http://[::1]:80/']) {
    assert.equal(through(url), undefined, url)
  }
})

for (const [no, excepted, others] of [
  ['example.com', ['example.com', 'a.example.com', 'a.example.com:8080'], ['badexample.com', 'example.org']],
  ['.example.com', ['a.example.com'], ['example.com']],
  ['*.example.com', ['a.example.com'], ['example.com']],
  ['a.example:8080', ['a.example:8080'], ['a.example']],
  ['10.0.0.0/8, 192.168.1.1', ['10.1.2.3', '192.168.1.1:5000'], ['11.1.2.3', '192.168.1.2']],
  ['fd00::/8,[fe80::1]:81', ['[fd12::1]', '[fe80::1]:81'], ['[fe80::1]', '[2001:db8::1]']],
  ['*', ['a.example'], []],
  ['', [], ['a.example']],
] as const) {
  test(`NO_PROXY=${no}`, () => {
    for (const host of excepted) assert.equal(through(`http://${host}/`, no), undefined, host)
    for (const host of others) assert.notEqual(through(`http://${host}/`, no), undefined, host)
  })
}

test('what is no address of a proxy is told, without what may be its password', () => {
  assert.throws(
    () => proxyFor(new URL('https://a.example'), { https: 'socks5://u:secret@p' }),
    (error) => isBallastError(error, 'USAGE') && !error.message.includes('secret'),
  )
})
