import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayLead } from './leads.ts'

const PUBLIC = 'https://registry.example/'

test('a registry may lead to other public hosts, and to the same host by https', () => {
  for (const to of ['https://storage.example/x', 'https://registry.example:8443/x', 'https://8.8.8.8/x']) {
    assert.ok(mayLead(new URL(PUBLIC), new URL(to)), to)
  }
})

test('a public registry does not lead to this machine or its network', () => {
  for (const host of [
    'localhost',
    'localhost:5000',
    'x.localhost',
    '127.0.0.1',
    '127.8.9.10:80',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[fe80::1]',
    '[fd00::1]',
    'printer.local',
    'metadata.google.internal',
    'localhost.',
    'registry',
  ]) {
    assert.equal(mayLead(new URL(PUBLIC), new URL(`https://${host}/x`)), false, host)
  }
})

test('a registry of the network, or one that the user reaches by plain http, leads within it', () => {
  for (const from of ['https://10.0.0.1/', 'https://registry/', 'http://registry.corp.example:5000/']) {
    assert.ok(mayLead(new URL(from), new URL('https://10.0.0.9:9000/x')), from)
  }
  assert.ok(mayLead(new URL('http://localhost:5000'), new URL('http://127.0.0.1:5001')))
})

test('nothing leads from https to http, or to anything else', () => {
  for (const to of [
    'http://registry.example/',
    'http://storage.example/',
    'file:///etc/passwd',
    'ftp://a.example/',
    'data:,x',
  ]) {
    assert.equal(mayLead(new URL(PUBLIC), new URL(to)), false, to)
  }
  assert.equal(mayLead(new URL('http://localhost:5000/'), new URL('file:///etc/passwd')), false)
})
