import{a as H}from"../chunks/chunk-XDO3FJSD.js";import"../chunks/chunk-ZVSZOMDI.js";import{a as T,b as S}from"../chunks/chunk-QORAWW77.js";import{Aa as U,Ba as x,Ca as B,Fa as e,I as j,La as J,Ma as V,T as E,W as R,Y as F,b as v,c as w,d as y,g as a,h as b,k as _,m as I,ra as M,y as D,z as g,za as A}from"../chunks/chunk-UMTCUHV3.js";var W=100,G=400,K=5e3;function P(t){let[n,r]=v({lines:[],last:null,count:0}),[c,o]=v("connecting"),i=y(0);return w(()=>{let s=0,p=0,m=[],l,d=()=>{p=0;let $=m.reverse();m=[];let f=$.filter(h=>h.kind==="event");r(h=>({lines:[...$,...h.lines].slice(0,W),last:f[0]?.event??h.last,count:h.count+f.length}))},u=$=>{m.push($),m.length>W&&m.shift(),p||=setTimeout(d,G)},N=($,f)=>u({kind:"gap",id:`gap ${$} ${f}`,gap:{id:`gap ${$}`,from:$,to:f}}),O=()=>{clearTimeout(s),l=new EventSource(J(`reports/live?site=${encodeURIComponent(b)}`)),l.onopen=()=>{o("live"),i.current&&N(i.current,Date.now()),i.current=0},l.onerror=()=>{o("reconnecting"),l?.readyState===EventSource.CLOSED&&(i.current||=Date.now(),s=setTimeout(O,K))},l.addEventListener("event",$=>{let f=JSON.parse($.data);u({kind:"event",id:f.event_id,event:f})}),l.addEventListener("gap",$=>{let{from:f,to:h}=JSON.parse($.data);N(Date.parse(f),Date.parse(h))})},C=()=>{clearTimeout(s),l&&(i.current||=Date.now()),l?.close(),l=void 0},k=()=>{document.hidden||t?(C(),o("paused")):l||(o("connecting"),O())};return k(),document.addEventListener("visibilitychange",k),()=>{clearTimeout(p),C(),document.removeEventListener("visibilitychange",k)}},[t]),{...n,state:c}}var Z=10,z=3e3,Q=15e3,X=10;function ee({pages:t}){let[n,r]=v(!1),[c,o]=v(null),i=P(n||_!==""),{now:s,error:p,ask:m}=te(i.count),l=s?.current_visitors??0,d=!_&&a`<span class="live"><span class=${i.state==="live"?"pulse":"pulse off"}>
    </span>${e("feed_"+i.state)}</span>`;return a`<${U} pages=${t} name="realtime" title=${e("realtime")} tools=${d} isReady=${s!==null}>
    <${x} error=${p} retry=${m} />
    <section class="card hero" aria-label=${e("realtime")}>
      <div class="kpis four">
        <${S} name=${e("onlineNow")} value=${s?g(l):D} title=${e("onlineTitle")}
          foot=${e("last5")} />
        <${S} name=${e("activeUsers")} value=${s?g(s.active_users):D} title=${e("activeTitle")}
          foot=${e("last5")} />
        <${S} name=${e("page_views")} value=${g(s?.page_views_last_30m)} foot=${e("last30")} />
        <${S} name=${e("page_views")} value=${g(s?.page_views_last_60m)} foot=${e("last60")} />
      </div>
      <${ne} now=${s} />
    </section>
    <div class="panels three">
      <${T} title=${e("pages")} name=${e("path")} column=${e("views")} empty=${e("nothingNow")}
        rows=${s&&s.top_pages.map(u=>L(u.page,u.page,u))} />
      <${T} title=${e(_?"sources":"referrers")} name=${e(_?"source":"referrer")} column=${e("views")} empty=${e("nothingNow")}
        rows=${s&&s.top_referrers.map(u=>L(u.referrer,se(u.referrer),u))} />
      <${T} title=${e("countries")} name=${e("country")} column=${e("views")} empty=${e("nothingNow")}
        rows=${s&&s.top_countries.map(u=>({...L(u.country,q(u.country),u),flag:Y(u.country)}))} />
    </div>
    ${!_&&a`<${oe} feed=${i} now=${s} isPaused=${n} pause=${()=>r(!n)}
      choose=${o} />`}
    ${c&&a`<${ae} event=${c} close=${()=>o(null)} />`}
  <//>`}function te(t){let[n,r]=v(null),[c,o]=v(null),i=y(0),s=y(0),p=()=>{clearTimeout(s.current),!document.hidden&&(i.current=Date.now(),s.current=setTimeout(p,Q),V(`reports/realtime?site=${encodeURIComponent(b)}&limit=${Z}`).then(m=>{r(m),o(null)},m=>o(B(m))))};return w(()=>(p(),document.addEventListener("visibilitychange",p),()=>{clearTimeout(s.current),document.removeEventListener("visibilitychange",p)}),[]),w(()=>{t&&(clearTimeout(s.current),s.current=setTimeout(p,Math.max(0,i.current+z-Date.now())))},[t]),{now:n,error:c,ask:p}}var L=(t,n,r)=>({key:t,text:n,value:r.views,title:n}),se=t=>t==="Direct"?e("direct"):R("referrer",t),Y=t=>/^[A-Z]{2}$/.test(t)?t:void 0,q=t=>Y(t)?R("country",t):e("unknown");function ne({now:t}){let n=t?.series;if(!t)return a`<div class="skeleton columns-sk"></div>`;if(!n)return a`<div class="pad muted">${e("noSeries")}</div>`;let r=n.map(o=>o.views),c=o=>e("minuteText",{time:E(n[o].start).slice(0,5),views:g(r[o]),visitors:g(n[o].unique)});return a`<div class="plot"><div class="plot-head">${e("last30Title")}</div>
    <${H} values=${r} label=${e("minutesLabel",{n:g(t.page_views_last_30m)})} describe=${c}
      marks=${[e("ago",{time:"30 min"}),e("ago",{time:"15 min"}),e("nowWord")]} /></div>`}function oe({feed:t,now:n,isPaused:r,pause:c,choose:o}){let{lines:i,state:s,last:p}=t,m=re(p,n),l=e(r?"resume":"pause");return a`<section class="card panel feed" aria-label=${e("feedTitle")}>
    <div class="tabs"><h2 class="tab on">${e("feedTitle")}</h2><span class="grow"></span>
      ${m>X&&s==="live"&&a`<span class="stale">${e("feedBehind",{time:j(m)})}
        </span>`}
      <button class="iconbtn" aria-label=${l} title=${l} aria-pressed=${r} onClick=${c}><${F}
        name=${r?"play":"pause"} /></button></div>
    ${!i.length&&a`<${M} title=${e(r?"feed_paused":"feedEmpty")}>${e("feedEmptyText")}<//>`}
    <ol class="lines">${i.map(d=>d.kind==="gap"?a`<li key=${d.id} class="gap">${e("feedGap",{from:E(d.gap.from),to:E(d.gap.to)})}</li>`:a`<li key=${d.id}><${ie} event=${d.event} choose=${o} /></li>`)}</ol>
  </section>`}function re(t,n){let[r,c]=v(0),o=y(0);return w(()=>{n&&(o.current=Date.parse(n.meta.computed_at)-Date.now())},[n]),w(()=>{t&&c((Date.now()+o.current-Date.parse(t.received_at))/1e3)},[t]),r}function ie({event:t,choose:n}){let r=t.type==="page_view",c=[t.browser,t.os].filter(Boolean).join(" · "),o=[t.source,t.country&&q(t.country),c].filter(Boolean);return a`<button class="line-btn" onClick=${()=>n(t)} title=${e("details")}>
    <time class="num">${E(t.ts)}</time>
    <span class=${r?"type":"type own"}>${r?e("pageView"):t.type}</span>
    <span class="what">${t.path??t.subject??""}</span>
    <span class="who">${o.map(i=>a`<span>${i}</span>`)}</span>
  </button>`}function ae({event:t,close:n}){let{properties:r,...c}=t,o=`/api/analytics/events/${encodeURIComponent(t.event_id)}/trace?site=${encodeURIComponent(b)}`;return a`<${A} title=${t.type} close=${n}>
    <dl class="facts">${Object.entries(c).map(([i,s])=>a`<div key=${i}><dt>${i}</dt>
      <dd>${String(s)}</dd></div>`)}</dl>
    ${Object.keys(r??{}).length>0&&a`<div class="code-head">${e("properties")}</div><pre
      class="facts-json" tabindex="0">${JSON.stringify(r,null,2)}</pre>`}
    ${I("admin")&&a`<div class="dlg-foot"><a class="btn" href=${o} target="_blank"
      rel="noopener">${e("trace")}</a></div>`}
  <//>`}export{ee as default};
