import{a as A}from"../chunks/chunk-H6OO753K.js";import{a as S,b as E}from"../chunks/chunk-C5LC4IL5.js";import{a as B,b as H,c as J}from"../chunks/chunk-GLWP7YAH.js";import{$ as M,D as I,E as j,J as k,K as g,P as F,W as b,Z as D,b as v,c as w,ca as U,e as y,h as a,i as _,ja as x,l as C,ma as e}from"../chunks/chunk-JKRTTABF.js";var V=100,Y=400,q=5e3;function W(t){let[n,r]=v({lines:[],last:null,count:0}),[c,o]=v("connecting"),i=y(0);return w(()=>{let s=0,u=0,p=[],l,d=()=>{u=0;let $=p.reverse();p=[];let f=$.filter(h=>h.kind==="event");r(h=>({lines:[...$,...h.lines].slice(0,V),last:f[0]?.event??h.last,count:h.count+f.length}))},m=$=>{p.push($),p.length>V&&p.shift(),u||=setTimeout(d,Y)},L=($,f)=>m({kind:"gap",id:`gap ${$} ${f}`,gap:{id:`gap ${$}`,from:$,to:f}}),N=()=>{clearTimeout(s),l=new EventSource(I(`reports/live?site=${encodeURIComponent(_)}`)),l.onopen=()=>{o("live"),i.current&&L(i.current,Date.now()),i.current=0},l.onerror=()=>{o("reconnecting"),l?.readyState===EventSource.CLOSED&&(i.current||=Date.now(),s=setTimeout(N,q))},l.addEventListener("event",$=>{let f=JSON.parse($.data);m({kind:"event",id:f.event_id,event:f})}),l.addEventListener("gap",$=>{let{from:f,to:h}=JSON.parse($.data);L(Date.parse(f),Date.parse(h))})},O=()=>{clearTimeout(s),l&&(i.current||=Date.now()),l?.close(),l=void 0},T=()=>{document.hidden||t?(O(),o("paused")):l||(o("connecting"),N())};return T(),document.addEventListener("visibilitychange",T),()=>{clearTimeout(u),O(),document.removeEventListener("visibilitychange",T)}},[t]),{...n,state:c}}var G=10,K=3e3,Z=15e3,z=10;function Q({pages:t}){let[n,r]=v(!1),[c,o]=v(null),i=W(n),{now:s,error:u,ask:p}=X(i.count),l=s?.current_visitors??0,d=a`<span class="live"><span class=${i.state==="live"?"pulse":"pulse off"}>
    </span>${e("feed_"+i.state)}</span>`;return a`<${B} pages=${t} name="realtime" title=${e("realtime")} tools=${d} isReady=${s!==null}>
    <${H} error=${u} retry=${p} />
    <section class="card hero" aria-label=${e("realtime")}>
      <div class="kpis four">
        <${E} name=${e("onlineNow")} value=${s?g(l):k} title=${e("onlineTitle")}
          foot=${e("last5")} />
        <${E} name=${e("activeUsers")} value=${s?g(s.active_users):k} title=${e("activeTitle")}
          foot=${e("last5")} />
        <${E} name=${e("page_views")} value=${g(s?.page_views_last_30m)} foot=${e("last30")} />
        <${E} name=${e("page_views")} value=${g(s?.page_views_last_60m)} foot=${e("last60")} />
      </div>
      <${te} now=${s} />
    </section>
    <div class="panels three">
      <${S} title=${e("pages")} name=${e("path")} column=${e("views")} empty=${e("nothingNow")}
        rows=${s&&s.top_pages.map(m=>R(m.page,m.page,m))} />
      <${S} title=${e("sources")} name=${e("referrer")} column=${e("views")} empty=${e("nothingNow")}
        rows=${s&&s.top_referrers.map(m=>R(m.referrer,ee(m.referrer),m))} />
      <${S} title=${e("countries")} name=${e("country")} column=${e("views")} empty=${e("nothingNow")}
        rows=${s&&s.top_countries.map(m=>R(m.country,P(m.country),m))} />
    </div>
    <${se} feed=${i} now=${s} isPaused=${n} pause=${()=>r(!n)} choose=${o} />
    ${c&&a`<${re} event=${c} close=${()=>o(null)} />`}
  <//>`}function X(t){let[n,r]=v(null),[c,o]=v(null),i=y(0),s=y(0),u=()=>{clearTimeout(s.current),!document.hidden&&(i.current=Date.now(),s.current=setTimeout(u,Z),j(`reports/realtime?site=${encodeURIComponent(_)}&limit=${G}`).then(p=>{r(p),o(null)},p=>o(J(p))))};return w(()=>(u(),document.addEventListener("visibilitychange",u),()=>{clearTimeout(s.current),document.removeEventListener("visibilitychange",u)}),[]),w(()=>{t&&(clearTimeout(s.current),s.current=setTimeout(u,Math.max(0,i.current+K-Date.now())))},[t]),{now:n,error:c,ask:u}}var R=(t,n,r)=>({key:t,text:n,value:r.views,title:n}),ee=t=>t==="Direct"?e("direct"):D("referrer",t),P=t=>/^[A-Z]{2}$/.test(t)?D("country",t):e("unknown");function te({now:t}){let n=t?.series;if(!t)return a`<div class="skeleton columns-sk"></div>`;if(!n)return a`<div class="pad muted">${e("noSeries")}</div>`;let r=n.map(o=>o.views),c=o=>e("minuteText",{time:b(n[o].start).slice(0,5),views:g(r[o]),visitors:g(n[o].unique)});return a`<div class="plot"><div class="plot-head">${e("last30Title")}</div>
    <${A} values=${r} label=${e("minutesLabel",{n:g(t.page_views_last_30m)})} describe=${c}
      marks=${[e("ago",{time:"30 min"}),e("ago",{time:"15 min"}),e("nowWord")]} /></div>`}function se({feed:t,now:n,isPaused:r,pause:c,choose:o}){let{lines:i,state:s,last:u}=t,p=ne(u,n),l=e(r?"resume":"pause");return a`<section class="card panel feed" aria-label=${e("feedTitle")}>
    <div class="tabs"><h2 class="tab on">${e("feedTitle")}</h2><span class="grow"></span>
      ${p>z&&s==="live"&&a`<span class="stale">${e("feedBehind",{time:F(p)})}
        </span>`}
      <button class="iconbtn" aria-label=${l} title=${l} aria-pressed=${r} onClick=${c}><${M}
        name=${r?"play":"pause"} /></button></div>
    ${!i.length&&a`<${U} title=${e(r?"feed_paused":"feedEmpty")}>${e("feedEmptyText")}<//>`}
    <ol class="lines">${i.map(d=>d.kind==="gap"?a`<li key=${d.id} class="gap">${e("feedGap",{from:b(d.gap.from),to:b(d.gap.to)})}</li>`:a`<li key=${d.id}><${oe} event=${d.event} choose=${o} /></li>`)}</ol>
  </section>`}function ne(t,n){let[r,c]=v(0),o=y(0);return w(()=>{n&&(o.current=Date.parse(n.meta.computed_at)-Date.now())},[n]),w(()=>{t&&c((Date.now()+o.current-Date.parse(t.received_at))/1e3)},[t]),r}function oe({event:t,choose:n}){let r=t.type==="page_view",c=[t.browser,t.os].filter(Boolean).join(" · "),o=[t.source,t.country&&P(t.country),c].filter(Boolean);return a`<button class="line-btn" onClick=${()=>n(t)} title=${e("details")}>
    <time class="num">${b(t.ts)}</time>
    <span class=${r?"type":"type own"}>${r?e("pageView"):t.type}</span>
    <span class="what">${t.path??t.subject??""}</span>
    <span class="who">${o.map(i=>a`<span>${i}</span>`)}</span>
  </button>`}function re({event:t,close:n}){let{properties:r,...c}=t,o=`/api/analytics/events/${encodeURIComponent(t.event_id)}/trace?site=${encodeURIComponent(_)}`;return a`<${x} title=${t.type} close=${n}>
    <dl class="facts">${Object.entries(c).map(([i,s])=>a`<div key=${i}><dt>${i}</dt>
      <dd>${String(s)}</dd></div>`)}</dl>
    ${Object.keys(r??{}).length>0&&a`<div class="code-head">${e("properties")}</div><pre
      class="facts-json" tabindex="0">${JSON.stringify(r,null,2)}</pre>`}
    ${C("admin")&&a`<div class="dlg-foot"><a class="btn" href=${o} target="_blank"
      rel="noopener">${e("trace")}</a></div>`}
  <//>`}export{Q as default};
